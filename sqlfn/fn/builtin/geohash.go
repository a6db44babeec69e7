package builtin

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/geohash"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// geohashes are functions on cells of the earth's surface, named by a text of
// base 32 or by a whole number of 64 bits.
func geohashes() []*fn.Func {
	const directions = "North, NorthEast, East, SouthEast, South, SouthWest, West, NorthWest"
	return []*fn.Func{
		{Name: "geohashEncode", Sig: "(latitude float, longitude float) -> string", Mark: 'C', Exact: true,
			Doc: param.T("The geohash of a place, 12 characters.", "地点的 geohash(12 个字符)。"),
			Examples: []fn.Example{eg("geohashEncode(48.858, 2.294)", `"u09tunq6qp66"`), eg("geohashEncode(90, 180)", `"zzzzzzzzzzzz"`), eg("geohashEncode(null, 2.294)", "null"),
				eg("geohashEncode(91, 0)", "error: latitude 91 is not between -90 and 90")},
			Eval: fn.Try2(func(lat, lng float64) (string, error) {
				lat, lng, err := place(lat, lng)
				return geohash.Encode(lat, lng), err
			})},
		{Name: "geohashEncodeInt", Sig: "(latitude float, longitude float) -> number", Mark: 'C', Exact: true,
			Doc: param.T("The geohash of a place as a whole number of 64 bits.", "地点的 geohash(64 位整数)。"),
			Examples: []fn.Example{eg("geohashEncodeInt(48.858, -2.294)", "8843160883424126659"), eg("geohashEncodeInt(0, 0)", "13835058055282163712"),
				eg("geohashEncodeInt(0, null)", "null")},
			Eval: fn.Try2(func(lat, lng float64) (value.Value, error) {
				lat, lng, err := place(lat, lng)
				return value.OfUint(geohash.EncodeInt(lat, lng)), err
			})},
		{Name: "geohashDecode", Sig: "(hash string) -> object", Mark: 'C', Exact: true,
			Doc: param.T("A place in the cell of a geohash, with as few digits as the cell allows.", "geohash 单元内的一个地点，位数尽可能少。"),
			Examples: []fn.Example{eg(`geohashDecode("ezs42")`, `{"Latitude":42.59,"Longitude":-5.62}`), eg("geohashDecode(null)", "null"),
				eg(`geohashDecode("a")`, "error: geohash \"a\": invalid character 'a'")},
			Eval: ofHash(func(hash string) value.Value { return latLng(geohash.Decode(hash)) })},
		{Name: "geohashDecodeInt", Sig: "(hash int) -> object", Mark: 'C', Exact: true,
			Doc:      param.T("A place in the cell of a geohash that is a number.", "整数 geohash 单元内的一个地点。"),
			Examples: []fn.Example{eg("geohashDecodeInt(8843160883424126659)", `{"Latitude":48.85799998,"Longitude":-2.29400007}`), eg("geohashDecodeInt(null)", "null")},
			Eval:     ofNumber(func(hash uint64) value.Value { return latLng(geohash.DecodeInt(hash)) })},
		{Name: "geohashBoundingBox", Sig: "(hash string) -> object", Mark: 'C', Exact: true,
			Doc: param.T("The borders of the cell of a geohash.", "geohash 单元的边界。"),
			Examples: []fn.Example{eg(`geohashBoundingBox("ezs42")`, `{"MaxLat":42.626953125,"MaxLng":-5.5810546875,"MinLat":42.5830078125,"MinLng":-5.625}`),
				eg("geohashBoundingBox(null)", "null")},
			Eval: ofHash(func(hash string) value.Value { return borders(geohash.BoundingBox(hash)) })},
		{Name: "geohashBoundingBoxInt", Sig: "(hash int) -> object", Mark: 'C', Exact: true,
			Doc: param.T("The borders of the cell of a geohash that is a number.", "整数 geohash 单元的边界。"),
			Examples: []fn.Example{eg("geohashBoundingBoxInt(0)", `{"MaxLat":-89.99999995809048,"MaxLng":-179.99999991618097,"MinLat":-90,"MinLng":-180}`),
				eg("geohashBoundingBoxInt(null)", "null")},
			Eval: ofNumber(func(hash uint64) value.Value { return borders(geohash.BoundingBoxInt(hash)) })},
		{Name: "geohashNeighbor", Sig: "(hash string, direction string) -> string", Mark: 'C', Exact: true, Check: checkDirection,
			Doc:      param.T("The cell beside that of a geohash. Directions: "+directions+".", "geohash 单元在某方向上的相邻单元。方向："+directions+"。"),
			Examples: []fn.Example{eg(`geohashNeighbor("ezs42", "North")`, `"ezs48"`), eg(`geohashNeighbor("xbpbp", "East")`, `"80000"`), eg(`geohashNeighbor(null, "North")`, "null")},
			Eval: fn.Try2(func(hash, direction string) (string, error) {
				i, err := directionOf(direction)
				if err == nil {
					err = validHash(hash)
				}
				if err != nil {
					return "", err
				}
				return neighbor(hash, i), nil
			})},
		{Name: "geohashNeighborInt", Sig: "(hash int, direction string) -> number", Mark: 'C', Exact: true, Check: checkDirection,
			Doc:      param.T("The cell beside that of a geohash that is a number. Directions: "+directions+".", "整数 geohash 单元在某方向上的相邻单元。方向："+directions+"。"),
			Examples: []fn.Example{eg(`geohashNeighborInt(8843160883424126659, "North")`, "8843160883424126662"), eg(`geohashNeighborInt(null, "North")`, "null")},
			Eval: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
				i, err := directionOf(args[1].String())
				if err != nil {
					return null, err
				}
				return ofNumber(func(hash uint64) value.Value { return neighborInt(hash, i) })(nil, args)
			}},
		{Name: "geohashNeighbors", Sig: "(hash string) -> array", Mark: 'C', Exact: true,
			Doc: param.T("The eight cells around that of a geohash: "+directions+".", "geohash 单元周围的八个单元，依次为 "+directions+"。"),
			Examples: []fn.Example{eg(`geohashNeighbors("ezs42")`, `["ezs48","ezs49","ezs43","ezs41","ezs40","ezefp","ezefr","ezefx"]`),
				eg("geohashNeighbors(null)", "null")},
			Eval: ofHash(func(hash string) value.Value {
				return around(func(i int) value.Value { return value.OfString(neighbor(hash, i)) })
			})},
		{Name: "geohashNeighborsInt", Sig: "(hash int) -> array", Mark: 'C', Exact: true,
			Doc: param.T("The eight cells around that of a geohash that is a number: "+directions+".", "整数 geohash 单元周围的八个单元，依次为 "+directions+"。"),
			Examples: []fn.Example{eg("geohashNeighborsInt(8843160883424126659)",
				"[8843160883424126662,8843160883424126668,8843160883424126665,8843160883424126664,8843160883424126658,8843160883424126656,8843160883424126657,8843160883424126660]"),
				eg("geohashNeighborsInt(null)", "null")},
			Eval: ofNumber(func(hash uint64) value.Value {
				return around(func(i int) value.Value { return neighborInt(hash, i) })
			})},
	}
}

// place checks a latitude and a longitude and moves what lies on the last
// border into the last cell; the library would wrap it to the other side.
func place(lat, lng float64) (float64, float64, error) {
	const inside = 1e-8 // less than the width of a cell
	if !(math.Abs(lat) <= 90) {
		return 0, 0, fmt.Errorf("latitude %v is not between -90 and 90", lat)
	}
	if !(math.Abs(lng) <= 180) {
		return 0, 0, fmt.Errorf("longitude %v is not between -180 and 180", lng)
	}
	return min(lat, 90-inside), min(lng, 180-inside), nil
}

func validHash(hash string) error {
	if err := geohash.Validate(hash); err != nil {
		return fmt.Errorf("geohash %q: %w", hash, err)
	}
	return nil
}

// ofHash is the code of a function of a geohash that is a text.
func ofHash(f func(string) value.Value) fn.EvalFunc {
	return fn.Try1(func(hash string) (value.Value, error) {
		if err := validHash(hash); err != nil {
			return null, err
		}
		return f(hash), nil
	})
}

// ofNumber is the code of a function of a geohash that is a number; half of
// them are beyond int64.
func ofNumber(f func(uint64) value.Value) fn.EvalFunc {
	return func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
		if args[0].Kind() == value.Uint {
			return f(args[0].Uint()), nil
		}
		i, err := fn.ToInt(args[0])
		if err == nil && i < 0 {
			err = fmt.Errorf("geohash %d is negative", i)
		}
		if err != nil {
			return null, err
		}
		return f(uint64(i)), nil
	}
}

func latLng(lat, lng float64) value.Value {
	return value.OfObject([]value.Member{{Name: "Latitude", Val: value.OfFloat(lat)}, {Name: "Longitude", Val: value.OfFloat(lng)}})
}

func borders(b geohash.Box) value.Value {
	return value.OfObject([]value.Member{
		{Name: "MinLat", Val: value.OfFloat(b.MinLat)}, {Name: "MaxLat", Val: value.OfFloat(b.MaxLat)},
		{Name: "MinLng", Val: value.OfFloat(b.MinLng)}, {Name: "MaxLng", Val: value.OfFloat(b.MaxLng)}})
}

// compass has the directions in the order of geohashNeighbors, with the step
// to the north and to the east.
var compass = [8]struct {
	name        string
	north, east float64
}{
	{"North", 1, 0}, {"NorthEast", 1, 1}, {"East", 0, 1}, {"SouthEast", -1, 1},
	{"South", -1, 0}, {"SouthWest", -1, -1}, {"West", 0, -1}, {"NorthWest", 1, -1},
}

func directionOf(name string) (int, error) {
	for i := range compass {
		if compass[i].name == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("direction %q is not North, NorthEast, East, SouthEast, South, SouthWest, West or NorthWest", name)
}

func checkDirection(args []value.Value) error {
	if args[1].IsNull() {
		return nil
	}
	_, err := directionOf(args[1].Str())
	return err
}

// beside returns a place in the cell next to box in direction i. Cells go on
// beyond the date line and, on the other side of the earth, beyond the poles.
func beside(box geohash.Box, i int) (lat, lng float64) {
	lat, lng = box.Center()
	lat += compass[i].north * (box.MaxLat - box.MinLat)
	lng += compass[i].east * (box.MaxLng - box.MinLng)
	if math.Abs(lat) > 90 {
		lat, lng = math.Copysign(180, lat)-lat, lng+180
	}
	return lat, math.Mod(lng+540, 360) - 180
}

func neighbor(hash string, i int) string {
	lat, lng := beside(geohash.BoundingBox(hash), i)
	return geohash.EncodeWithPrecision(lat, lng, uint(len(hash)))
}

func neighborInt(hash uint64, i int) value.Value {
	return value.OfUint(geohash.EncodeInt(beside(geohash.BoundingBoxInt(hash), i)))
}

func around(cell func(i int) value.Value) value.Value {
	vs := make([]value.Value, len(compass))
	for i := range vs {
		vs[i] = cell(i)
	}
	return value.OfArray(vs)
}

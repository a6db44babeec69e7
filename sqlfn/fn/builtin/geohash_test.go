package builtin_test

import (
	"math/rand/v2"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/fn/builtin"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// opposite has the index of the direction back.
func opposite(i int) int { return (i + 4) % 8 }

var directions = []string{"North", "NorthEast", "East", "SouthEast", "South", "SouthWest", "West", "NorthWest"}

func TestANeighborOfANeighborBackIsTheCellItself(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		lat, lng := value.OfFloat(r.Float64()*160-80), value.OfFloat(r.Float64()*360-180)
		for _, kind := range []string{"", "Int"} {
			cell, err := callExact("geohashEncode"+kind, lat, lng)
			if err != nil {
				t.Fatal(err)
			}
			if kind == "" {
				cell = value.OfString(cell.Str()[:1+r.IntN(12)])
				if cell.Len() < 3 { // a cell as high as the way to the pole
					continue
				}
			}
			all, err := callExact("geohashNeighbors"+kind, cell)
			if err != nil || all.Len() != 8 {
				t.Fatalf("neighbors of %v: %v, %v", cell, all, err)
			}
			for i, d := range directions {
				next, err1 := callExact("geohashNeighbor"+kind, cell, value.OfString(d))
				back, err2 := callExact("geohashNeighbor"+kind, next, value.OfString(directions[opposite(i)]))
				if err1 != nil || err2 != nil || show(next, nil) != show(all.At(i), nil) || show(back, nil) != show(cell, nil) {
					t.Errorf("%s of %v is %v (%v), back %v, %v %v", d, cell, next, all.At(i), back, err1, err2)
				}
			}
		}
	}
}

func TestCellsGoOnBeyondTheDateLineAndThePoles(t *testing.T) {
	for expr, want := range map[string]string{
		`geohashNeighbor("80000", "West")`:      `"xbpbp"`,
		`geohashNeighbor("bpbpb", "North")`:     `"upbpb"`,
		`geohashNeighbor("00000", "SouthWest")`: `"5bpbp"`,
		`geohashNeighbor("00000", "north")`:     `error: direction "north" is not North, NorthEast, East, SouthEast, South, SouthWest, West or NorthWest`,
		`geohashEncode(0, 180.5)`:               "error: longitude 180.5 is not between -180 and 180",
		`geohashDecode("0123456789bcd")`:        `error: geohash "0123456789bcd": too long`,
		`geohashDecodeInt(-1)`:                  "error: geohash -1 is negative",
	} {
		if got := show(newEvaluator().run(expr, "")); got != want {
			t.Errorf("%s: got %s, want %s", expr, got, want)
		}
	}
}

func TestNamesOfPluginFunctionsAreWrittenAsDeclared(t *testing.T) {
	reg := builtin.Registry()
	if reg.Lookup("geohashEncode") == nil || reg.Lookup("ABS") == nil {
		t.Error("geohashEncode or ABS is not found")
	}
	for _, name := range []string{"GEOHASHENCODE", "geohashencode", "ECHO", "countplusone"} {
		if f := reg.Lookup(name); f != nil {
			t.Errorf("%s is found as %s", name, f.Name)
		}
	}
}

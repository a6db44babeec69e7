package virtual

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/edgesluice/sluice/devicemodel/edgex"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// wave makes the values of a resource: they go up and down between its limits,
// once a period. The samples of an array are four turns of a sine (one, of very
// few) that swells and fades.
type wave struct {
	resource, valueType, units string
	low, high                  float64
	period                     time.Duration
	samples                    int
}

const (
	defaultPeriod  = 10 * time.Second
	defaultSamples = 8
)

// waveOf reads a resource's limits and its attributes period and samples.
func waveOf(r *edgex.Resource) wave {
	w := wave{
		resource: r.Name, valueType: r.Properties.ValueType, units: r.Properties.Units,
		low: number(r.Properties.Minimum, 0), high: number(r.Properties.Maximum, 100),
		samples: int(number(r.Attributes["samples"], defaultSamples)), period: defaultPeriod,
	}
	if d, err := time.ParseDuration(fmt.Sprint(r.Attributes["period"])); err == nil && d > 0 {
		w.period = d
	}
	return w
}

func number(x any, def float64) float64 {
	f, err := strconv.ParseFloat(fmt.Sprint(x), 64)
	if err != nil {
		return def
	}
	return f
}

// at is the value at a moment; a phase of 1 is a whole period.
func (w *wave) at(now time.Time, phase float64) value.Value {
	turn := float64(now.UnixNano()%int64(w.period))/float64(w.period) + phase
	level := math.Sin(2 * math.Pi * turn)
	elem, isArray := strings.CutSuffix(w.valueType, "Array")
	if !isArray {
		return scalar(elem, w.scale(level))
	}
	vs := make([]value.Value, w.samples)
	turns := 4.0
	if w.samples < 8 {
		turns = 1
	}
	swell := 0.6 + 0.4*level
	for i := range vs {
		vs[i] = scalar(elem, w.scale(swell*math.Sin(2*math.Pi*(turns*float64(i)/float64(w.samples)+turn))))
	}
	return value.OfArray(vs)
}

// scale puts -1 to 1 between the limits, with few digits.
func (w *wave) scale(level float64) float64 {
	v := w.low + (w.high-w.low)*(1+level)/2
	return math.Round(v*1000) / 1000
}

// scalar is a value of EdgeX's type with that name. A Bool is true in the upper
// half of the limits 0 to 100.
func scalar(valueType string, v float64) value.Value {
	switch valueType {
	case "Bool":
		return value.OfBool(v >= 50)
	case "String":
		return value.OfString(strconv.FormatFloat(v, 'f', -1, 64))
	case "Float32", "Float64":
		return value.OfFloat(v)
	case "Binary":
		return value.OfBytes([]byte{byte(v)})
	case "Object":
		return value.OfObject([]value.Member{{Name: "value", Val: value.OfFloat(v)}})
	}
	return value.OfInt(int64(math.Round(v)))
}

package jsontext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Strings and numbers are read eight bytes at a time: every length and every
// place of a special byte in the words must give the same as one byte at a time.
func TestWordsAndBytesAgree(t *testing.T) {
	specials := []string{"", `"`, `\`, "<", ">", "&", "\x00", "\x1f", "\x7f", "\x80", "\xff", "é", "\u2028", "#", "$", "?", "=", "'", "]", "\ufffd"}
	for n := range 20 {
		for at := range n + 1 {
			for _, sp := range specials {
				s := strings.Repeat("a", at) + sp + strings.Repeat("b", n-at)
				want, _ := json.Marshal(s)
				got := AppendString(nil, s)
				if !bytes.Equal(got, want) {
					t.Fatalf("AppendString(%q) = %s, want %s", s, got, want)
				}
				end, _ := String(append(got, "  , tail"...), 0)
				if end != len(got) {
					t.Fatalf("String(%s) ends at %d", got, end)
				}
				var back string
				if err := json.Unmarshal(got, &back); err != nil || string(AppendUnquoted(nil, got[1:len(got)-1])) != back {
					t.Fatalf("AppendUnquoted(%s) is not %q", got, back)
				}
			}
		}
	}
}

func TestNumbersOfAnyLength(t *testing.T) {
	const digitsText = "1234567890123456789012345"
	for whole := 1; whole <= 25; whole++ {
		for frac := range 26 {
			for _, sign := range []string{"", "-"} {
				text := sign + digitsText[:whole]
				if frac > 0 {
					text += "." + digitsText[:frac]
				}
				var want float64
				fmt.Sscan(text, &want)
				for _, tail := range []string{"", ",", "}          ", "e0", "/", ":"} {
					b := []byte(text + tail)
					end := len(text)
					if tail == "e0" {
						end += 2
					}
					if f, e := Float(b, 0); f != want || e != end {
						t.Fatalf("Float(%s) = %v, %d; want %v, %d", b, f, e, want, end)
					}
					if e := Number(b, 0); e != end {
						t.Fatalf("Number(%s) = %d, want %d", b, e, end)
					}
					n, e, ok := Whole(b, 0)
					var wantN int64
					_, err := fmt.Sscan(text, &wantN)
					if wantOK := frac == 0 && tail != "e0" && err == nil; ok != wantOK || ok && (n != wantN || e != end) {
						t.Fatalf("Whole(%s) = %d, %d, %v; want %d, %v", b, n, e, ok, wantN, wantOK)
					}
				}
			}
		}
	}
}

func TestBadNumbersAreMarkedWhereTheyBreak(t *testing.T) {
	for text, at := range map[string]int{"": 0, "-": 1, "+1": 0, "01": 1, "-00": 2, "1.": 2, "1.x": 2, "1e": 2, "1e+": 3, ".5": 0, "1.5e": 4, "NaN": 0} {
		for _, tail := range []string{"", "                    "} {
			b := []byte(text + tail)
			if got := Number(b, 0); got != Bad(at) {
				t.Errorf("Number(%q) = %d, want %d", b, got, Bad(at))
			}
			if _, got := Float(b, 0); got != Bad(at) {
				t.Errorf("Float(%q) = %d, want %d", b, got, Bad(at))
			}
			if _, _, ok := Whole(b, 0); ok && text != "1e" {
				t.Errorf("Whole took %q", b)
			}
		}
	}
}

func TestLiteralsMustBeWhole(t *testing.T) {
	for text, end := range map[string]int{"true": 4, "false,": 5, "null": 4, "trux": Bad(3), "fals": Bad(4), "nil": Bad(1)} {
		if got := Skip([]byte(text), 0); got != end {
			t.Errorf("Skip(%s) = %d, want %d", text, got, end)
		}
	}
}

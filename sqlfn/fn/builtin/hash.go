package builtin

import (
	"crypto/md5"  //nolint:gosec // for checksums, as asked
	"crypto/sha1" //nolint:gosec // for checksums, as asked
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func hashes() []*fn.Func {
	return []*fn.Func{
		hash("md5", "MD5", 'B', func(b []byte, dst []byte) []byte { s := md5.Sum(b); return append(dst, s[:]...) }, "0cc175b9c0f1b6a831c399e269772661"),
		hash("sha1", "SHA-1", 'B', func(b []byte, dst []byte) []byte { s := sha1.Sum(b); return append(dst, s[:]...) }, "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
		hash("sha256", "SHA-256", 'B', func(b []byte, dst []byte) []byte { s := sha256.Sum256(b); return append(dst, s[:]...) },
			"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
		hash("sha384", "SHA-384", 'B', func(b []byte, dst []byte) []byte { s := sha512.Sum384(b); return append(dst, s[:]...) },
			"54a59b9f22b0b80880d8427e548b7c23abd873486e1f035dce9cd697e85175033caa88e6d57bc35efae0b5afd3145f31"),
		hash("sha512", "SHA-512", 'B', func(b []byte, dst []byte) []byte { s := sha512.Sum512(b); return append(dst, s[:]...) },
			"1f40fc92da241694750979ee6cf582f2d5d7d28e18335de05abc54d0560e0f5302860c652bf08d560252aa5e74210546f369fbbbce8c12cfc7957b2652fe9a75"),
		hash("crc32", "CRC-32", 'C', func(b []byte, dst []byte) []byte { return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(b)) }, "e8b7be43"),
	}
}

// hash declares a checksum. append puts the sum of b behind dst.
func hash(name, title string, mark byte, sum func(b, dst []byte) []byte, ofA string) *fn.Func {
	return &fn.Func{Name: name, Sig: "(x string) -> string", Mark: mark,
		Doc:      param.T("The "+title+" checksum of the text x in hexadecimal.", "文本 x 的 "+title+" 校验和（十六进制）。"),
		Examples: []fn.Example{eg(name+`("a")`, `"`+ofA+`"`), eg(name+"(null)", "null")},
		Eval: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
			var text [32]byte
			b := text[:0]
			if k := args[0].Kind(); k == value.String || k == value.Bytes {
				b = args[0].Bytes()
			} else {
				b = appendText(b, args[0])
			}
			var digest [sha512.Size]byte
			s := sum(b, digest[:0])
			out := make([]byte, hex.EncodedLen(len(s)))
			hex.Encode(out, s)
			return value.OfStringBytes(out), nil
		}}
}

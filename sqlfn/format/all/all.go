// Package all registers every format. Programs import it for that effect.
package all

import (
	_ "github.com/edgesluice/sluice/sqlfn/format/binary"
	_ "github.com/edgesluice/sluice/sqlfn/format/delimited"
	_ "github.com/edgesluice/sluice/sqlfn/format/json"
	_ "github.com/edgesluice/sluice/sqlfn/format/protobuf"
	_ "github.com/edgesluice/sluice/sqlfn/format/urlencoded"
)

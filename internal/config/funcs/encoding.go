package funcs

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"net/url"
	"unicode/utf8"

	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
)

var encodingFunctions = map[string]function.Function{
	"base64decode":     base64Decode,
	"base64encode":     base64Encode,
	"base64gzip":       base64Gzip,
	"csvdecode":        stdlib.CSVDecodeFunc,
	"jsondecode":       stdlib.JSONDecodeFunc,
	"jsonencode":       stdlib.JSONEncodeFunc,
	"textdecodebase64": textDecodeBase64,
	"textencodebase64": textEncodeBase64,
	"urldecode":        urlDecode,
	"urlencode":        urlEncode,
	"yamldecode":       ctyyaml.YAMLDecodeFunc,
	"yamlencode":       ctyyaml.YAMLEncodeFunc,
}

var base64Decode = define(cty.String, texts("str"), func(args []cty.Value) (cty.Value, error) {
	raw, err := fromBase64(args)
	if err != nil {
		return cty.NilVal, err
	}
	if !utf8.Valid(raw) {
		return cty.NilVal, bad(0, "what it decodes to is not UTF-8 text", "")
	}
	return cty.StringVal(string(raw)), nil
})

var base64Encode = define(cty.String, texts("str"), func(args []cty.Value) (cty.Value, error) {
	return toBase64([]byte(args[0].AsString())), nil
})

// base64Gzip compresses as Terraform does, down to the flush before the end:
// the result has the same bytes.
var base64Gzip = define(cty.String, texts("str"), func(args []cty.Value) (cty.Value, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, err := io.WriteString(zip, args[0].AsString())
	if err == nil {
		err = zip.Flush()
	}
	if err == nil {
		err = zip.Close()
	}
	if err != nil { // a bytes.Buffer takes everything
		return cty.NilVal, bad(0, "it can't be compressed", "%s", err)
	}
	return toBase64(out.Bytes()), nil
})

// makeBase64Gunzip is OpenTofu's; the limit keeps a small string from filling
// the memory.
func makeBase64Gunzip(limit int64) function.Function {
	return define(cty.String, texts("str"), func(args []cty.Value) (cty.Value, error) {
		raw, err := fromBase64(args)
		if err != nil {
			return cty.NilVal, err
		}
		zip, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return cty.NilVal, bad(0, "what it decodes to is not in gzip format", "%s", err)
		}
		text, err := io.ReadAll(io.LimitReader(zip, limit+1))
		if err != nil {
			return cty.NilVal, bad(0, "it can't be decompressed", "%s", err)
		}
		if int64(len(text)) > limit {
			return cty.NilVal, beyond(0, "decompressed, it is over the limit", "%d bytes", limit)
		}
		return cty.StringVal(string(text)), nil
	})
}

var textEncodeBase64 = define(cty.String, texts("string", "encoding"), func(args []cty.Value) (cty.Value, error) {
	enc, err := charset(args, 1)
	if err != nil {
		return cty.NilVal, err
	}
	raw, err := enc.NewEncoder().Bytes([]byte(args[0].AsString()))
	if err != nil {
		return cty.NilVal, bad(0, "it has characters that the encoding lacks", "%s", args[1].AsString())
	}
	return toBase64(raw), nil
})

var textDecodeBase64 = define(cty.String, texts("source", "encoding"), func(args []cty.Value) (cty.Value, error) {
	enc, err := charset(args, 1)
	if err != nil {
		return cty.NilVal, err
	}
	raw, err := fromBase64(args)
	if err != nil {
		return cty.NilVal, err
	}
	text, err := enc.NewDecoder().Bytes(raw)
	if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
		return cty.NilVal, bad(0, "it has bytes that mean nothing in the encoding", "%s", args[1].AsString())
	}
	return cty.StringVal(string(text)), nil
})

var urlEncode = define(cty.String, texts("str"), func(args []cty.Value) (cty.Value, error) {
	return cty.StringVal(url.QueryEscape(args[0].AsString())), nil
})

// urlDecode is OpenTofu's.
var urlDecode = define(cty.String, texts("str"), func(args []cty.Value) (cty.Value, error) {
	text, err := url.QueryUnescape(args[0].AsString())
	if err != nil {
		return cty.NilVal, bad(0, "it has a percent sign without two hexadecimal digits", "%s", err)
	}
	return cty.StringVal(text), nil
})

func toBase64(raw []byte) cty.Value {
	return cty.StringVal(base64.StdEncoding.EncodeToString(raw))
}

func fromBase64(args []cty.Value) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(args[0].AsString())
	if err != nil {
		return nil, bad(0, "it is not base64", "%s", err)
	}
	return raw, nil
}

// charset finds an encoding by its IANA name.
func charset(args []cty.Value, i int) (encoding.Encoding, error) {
	name := args[i].AsString()
	enc, err := ianaindex.IANA.Encoding(name)
	if err != nil || enc == nil {
		return nil, bad(i, "it is not the IANA name of a supported encoding", "%q", name)
	}
	return enc, nil
}

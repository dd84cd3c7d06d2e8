package lab

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

func decodeJSON(body []byte) any {
	var value any
	_ = decodeNumbers(body, &value)
	return value
}

// decodeXML turns a document into nested maps, the root's name at the top.
func decodeXML(body []byte) map[string]any {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	root := map[string]any{}
	stack := []map[string]any{root}
	var names []string
	var text strings.Builder
	for {
		token, err := decoder.Token()
		if err != nil {
			return root
		}
		switch t := token.(type) {
		case xml.StartElement:
			text.Reset()
			names, stack = append(names, t.Name.Local), append(stack, map[string]any{})
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			last := len(stack) - 1
			var value any = stack[last]
			if len(stack[last]) == 0 {
				value = text.String()
			}
			name := names[len(names)-1]
			stack, names = stack[:last], names[:len(names)-1]
			parent := stack[len(stack)-1]
			switch old := parent[name].(type) {
			case nil:
				parent[name] = value
			case []any:
				parent[name] = append(old, value)
			default:
				parent[name] = []any{old, value}
			}
			text.Reset()
		}
	}
}

// decodeCBOR reads what CloudWatch's clients send; RFC 8949, without what they
// don't use.
func decodeCBOR(body []byte) any {
	c := cborReader{bytes.NewReader(body)}
	value, err := c.read()
	if err != nil {
		return nil
	}
	return value
}

type cborReader struct{ in *bytes.Reader }

type cborBreak struct{}

func (c cborReader) read() (any, error) {
	head, err := c.in.ReadByte()
	if err != nil {
		return nil, err
	}
	kind, info := head>>5, head&31
	if kind == 7 {
		return c.simple(info)
	}
	n, err := c.length(info)
	if err != nil {
		return nil, err
	}
	switch kind {
	case 0:
		return json.Number(strconv.FormatInt(n, 10)), nil
	case 1:
		return json.Number(strconv.FormatInt(-1-n, 10)), nil
	case 2, 3:
		text := make([]byte, max(n, 0))
		_, err := io.ReadFull(c.in, text)
		return string(text), err
	case 4:
		return c.list(n)
	case 5:
		return c.fields(n)
	}
	return c.read() // a tag: what it is of
}

// list reads n items, or all up to the end where n is -1.
func (c cborReader) list(n int64) (any, error) {
	out := []any{}
	for i := int64(0); n < 0 || i < n; i++ {
		item, err := c.read()
		if _, end := item.(cborBreak); end || err != nil {
			return out, err
		}
		out = append(out, item)
	}
	return out, nil
}

func (c cborReader) fields(n int64) (any, error) {
	out := map[string]any{}
	for i := int64(0); n < 0 || i < n; i++ {
		key, err := c.read()
		if _, end := key.(cborBreak); end || err != nil {
			return out, err
		}
		if out[fmt.Sprint(key)], err = c.read(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c cborReader) length(info byte) (int64, error) {
	if info < 24 {
		return int64(info), nil
	}
	if info == 31 {
		return -1, nil
	}
	return c.number(1 << (info - 24))
}

func (c cborReader) number(size int) (int64, error) {
	var n uint64
	for range size {
		b, err := c.in.ReadByte()
		if err != nil {
			return 0, err
		}
		n = n<<8 | uint64(b)
	}
	return int64(n), nil
}

func (c cborReader) simple(info byte) (any, error) {
	switch info {
	case 20, 21:
		return info == 21, nil
	case 31:
		return cborBreak{}, nil
	case 26:
		n, err := c.number(4)
		return json.Number(strconv.FormatFloat(float64(math.Float32frombits(uint32(n))), 'g', -1, 32)), err
	case 27:
		n, err := c.number(8)
		return json.Number(strconv.FormatFloat(math.Float64frombits(uint64(n)), 'g', -1, 64)), err
	}
	return nil, nil
}

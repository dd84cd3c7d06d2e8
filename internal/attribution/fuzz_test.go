package attribution

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzScanLog: nothing panics, and where a log is valid JSON with a list of
// objects, what comes out is that list, whatever the sizes in which it is read.
// What is read of a record, a decoder reads too.
func FuzzScanLog(f *testing.F) {
	for _, m := range matchings[:8] {
		f.Add([]byte(`{"Records":[` + recordOf(m) + `, ` + recordOf(m) + `]}`))
	}
	for _, s := range []string{
		``, `{`, `{}`, `[]`, `{"Records":`, `{"Records":[`, `{"Records":[{`, `{"Records":[]}`, `{"Records":[{}]} `, `{"Records":[{}]}x`, `{"Records":null}`, `{"Records":[1]}`,
		`{"a":{"Records":[{"x":1}]},"Records":[{"eventSource":"a\"]}"}],"b":[1,2]}`, `{"Records":[{"readOnly":true,"errorCode":null,"a":"\\"}]}`, `{"Records":[{"a":"\\\""},{}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got []string
		err := scanLog(bytes.NewReader(data), func(raw *Raw) error {
			got = append(got, string(raw.Data))
			if r, err := ParseRecord(raw.Data); err == nil && (r.Source == "" || r.Name == "" || r.Time.IsZero()) {
				t.Error("a record without source, name or time")
			}
			return nil
		})
		var one []string
		errOne := scanLog(oneByte{strings.NewReader(string(data))}, func(raw *Raw) error { one = append(one, string(raw.Data)); return nil })
		if (err == nil) != (errOne == nil) || strings.Join(got, "\x00") != strings.Join(one, "\x00") {
			t.Errorf("read byte by byte it is another: %v, %v", err, errOne)
		}
		var log map[string]json.RawMessage
		var records []json.RawMessage
		if json.Unmarshal(data, &log) != nil || json.Unmarshal(log["Records"], &records) != nil || bytes.Count(data, []byte(`"Records"`)) != 1 {
			return
		}
		for _, r := range records {
			if r[0] != '{' {
				return
			}
		}
		if log["Records"][0] != '[' {
			return
		}
		if err != nil || len(got) != len(records) {
			t.Fatalf("%d records, want %d: %v", len(got), len(records), err)
		}
		for i := range records {
			if got[i] != string(records[i]) {
				t.Errorf("record %d is %q, want %q", i, got[i], records[i])
			}
		}
	})
}

// oneByte reads one byte at a time.
type oneByte struct{ in *strings.Reader }

func (o oneByte) Read(b []byte) (int, error) { return o.in.Read(b[:min(1, len(b))]) }

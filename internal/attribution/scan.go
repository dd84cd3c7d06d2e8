package attribution

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Raw is a record as bytes, with the fields at its top that tell whether it is
// worth decoding. They are as in the JSON text, without quotes. All of it is
// valid only until the next record is read.
type Raw struct {
	Data     []byte
	Source   []byte // eventSource
	Name     []byte // eventName
	Time     []byte // eventTime
	Region   []byte // awsRegion
	ReadOnly bool
	Failed   bool // it has an errorCode
}

const (
	chunk = 256 << 10
	// maxRecord is what one record may take. CloudTrail's limit is 1 MiB.
	maxRecord = 8 << 20
)

var (
	errNoRecords = errors.New("no CloudTrail log: it has no list of Records")
	errTooLong   = fmt.Errorf("a record is longer than %d MiB", maxRecord>>20)
	errBroken    = errors.New("not valid JSON")
	errMore      = errors.New("more input is needed")
)

// scanLog reads a log object, {"Records": [...]}, and hands on one record after
// the other, holding little more than one in memory. It looks at structure alone:
// what is inside a record is only checked by ParseRecord. What came before an
// error has been handed on.
func scanLog(r io.Reader, visit func(*Raw) error) error {
	s := &scanner{in: r, buf: make([]byte, 0, chunk)}
	if err := s.findRecords(); err != nil {
		return err
	}
	var raw Raw
	for {
		switch c, err := s.next(); {
		case err != nil:
			return err
		case c == ']':
			s.pos++
			return s.rest()
		case c == ',':
			s.pos++
			continue
		case c != '{':
			return fmt.Errorf("%w: a record is no object", errBroken)
		}
		n, err := s.value(func(b []byte) (int, error) { raw = Raw{}; return splitRecord(b, &raw) })
		if err != nil {
			return err
		}
		raw.Data = s.buf[s.pos : s.pos+n]
		if err := visit(&raw); err != nil {
			return err
		}
		s.pos += n
	}
}

// scanner is a window over its input.
type scanner struct {
	in  io.Reader
	buf []byte
	pos int
	end error // of the input
	// clean: the input ended where an input may end. A damaged gzip stream does not.
	clean bool
}

// more reads on, keeping what is not used up.
func (s *scanner) more() error {
	if s.end != nil {
		return s.end
	}
	n := copy(s.buf, s.buf[s.pos:])
	s.buf, s.pos = s.buf[:n], 0
	if n == cap(s.buf) {
		if n >= maxRecord {
			return errTooLong
		}
		grown := make([]byte, n, 2*n)
		copy(grown, s.buf)
		s.buf = grown
	}
	got, err := s.in.Read(s.buf[n:cap(s.buf)])
	s.buf = s.buf[:n+got]
	if err != nil {
		s.end = err
		if err == io.EOF { // nothing else is a clean end, and what wraps it is none
			s.end, s.clean = io.ErrUnexpectedEOF, true
		}
	}
	if got == 0 && s.end != nil {
		return s.end
	}
	return nil
}

// next skips white space and gives the next byte, without using it up.
func (s *scanner) next() (byte, error) {
	for {
		for s.pos < len(s.buf) {
			if c := s.buf[s.pos]; !isSpace(c) {
				return c, nil
			}
			s.pos++
		}
		if err := s.more(); err != nil {
			return 0, err
		}
	}
}

// value lets f look at what is ahead, with more of it as long as it asks.
func (s *scanner) value(f func([]byte) (int, error)) (int, error) {
	for {
		n, err := f(s.buf[s.pos:])
		if !errors.Is(err, errMore) {
			return n, err
		}
		if err := s.more(); err != nil {
			return 0, err
		}
	}
}

// findRecords goes to the first record of the list.
func (s *scanner) findRecords() error {
	if c, err := s.next(); err != nil || c != '{' {
		return errors.Join(errNoRecords, err)
	}
	s.pos++
	for {
		c, err := s.next()
		if err != nil {
			return err
		}
		if c == ',' {
			s.pos++
			continue
		}
		if c != '"' {
			return errNoRecords
		}
		n, err := s.value(skipString)
		if err != nil {
			return err
		}
		key := string(s.buf[s.pos : s.pos+n])
		s.pos += n
		if c, err = s.next(); err != nil || c != ':' {
			return errors.Join(errBroken, err)
		}
		s.pos++
		if c, err = s.next(); err != nil {
			return err
		}
		if key == `"Records"` && c == '[' {
			s.pos++
			return nil
		}
		if n, err = s.value(skipValue); err != nil {
			return err
		}
		s.pos += n
	}
}

// rest reads to the end of the object, so that a damaged end is noticed.
func (s *scanner) rest() error {
	for {
		switch c, err := s.next(); {
		case err != nil:
			return err
		case c == '}':
			s.pos++
			return s.nothing()
		case c != ',' && c != '"' && c != ':':
			return fmt.Errorf("%w after the records", errBroken)
		case c == '"':
			n, err := s.value(skipString)
			if err != nil {
				return err
			}
			s.pos += n
			if c, err = s.next(); err != nil || c != ':' {
				return errors.Join(errBroken, err)
			}
			s.pos++
			if _, err = s.next(); err != nil {
				return err
			}
			if n, err = s.value(skipValue); err != nil {
				return err
			}
			s.pos += n
		default:
			s.pos++
		}
	}
}

// nothing makes sure that only white space is left, and that the input ends well:
// a gzip stream has its checksum there.
func (s *scanner) nothing() error {
	if _, err := s.next(); err == nil {
		return fmt.Errorf("%w: there is more after the end", errBroken)
	}
	if s.clean {
		return nil
	}
	return s.end
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// skipString gives the length of the string at the start of b.
func skipString(b []byte) (int, error) {
	for i := 1; ; {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return 0, errMore
		}
		i += n
		back := i - 1
		for b[back] == '\\' {
			back--
		}
		i++
		if (i-back)%2 == 0 {
			return i, nil
		}
	}
}

// skipValue gives the length of the value at the start of b. Of numbers and
// words it needs to see what follows.
func skipValue(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, errMore
	}
	switch b[0] {
	case '"':
		return skipString(b)
	case '{', '[':
		return skipNested(b)
	}
	for i, c := range b {
		if c == ',' || c == '}' || c == ']' || isSpace(c) {
			if i == 0 {
				return 0, errBroken
			}
			return i, nil
		}
	}
	return 0, errMore
}

func skipNested(b []byte) (int, error) {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			n, err := skipString(b[i:])
			if err != nil {
				return 0, err
			}
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, nil
			}
		}
	}
	return 0, errMore
}

// splitRecord gives the length of the object at the start of b, and notes what is
// at its top.
func splitRecord(b []byte, raw *Raw) (int, error) {
	i := 1
	for {
		i = skipSpace(b, i)
		if i >= len(b) {
			return 0, errMore
		}
		switch b[i] {
		case '}':
			return i + 1, nil
		case ',':
			i++
			continue
		case '"':
		default:
			return 0, errBroken
		}
		n, err := skipString(b[i:])
		if err != nil {
			return 0, err
		}
		key := b[i+1 : i+n-1]
		i = skipSpace(b, i+n)
		if i >= len(b) {
			return 0, errMore
		}
		if b[i] != ':' {
			return 0, errBroken
		}
		i = skipSpace(b, i+1)
		if n, err = skipValue(b[i:]); err != nil {
			return 0, err
		}
		raw.note(key, b[i:i+n])
		i += n
	}
}

func (r *Raw) note(key, value []byte) {
	switch string(key) {
	case "eventSource":
		r.Source = unquoted(value)
	case "eventName":
		r.Name = unquoted(value)
	case "eventTime":
		r.Time = unquoted(value)
	case "awsRegion":
		r.Region = unquoted(value)
	case "readOnly":
		r.ReadOnly = string(value) == "true" || string(value) == `"true"`
	case "errorCode":
		r.Failed = string(value) != "null" && string(value) != `""`
	}
}

func unquoted(value []byte) []byte {
	if len(value) >= 2 && value[0] == '"' {
		return value[1 : len(value)-1]
	}
	return nil
}

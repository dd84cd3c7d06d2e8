package lab

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// numberDigits is how many digits at the end of a value tell whose it is.
const numberDigits = 4

// MaxNumber is the largest number that a Renaming can give.
const MaxNumber = 9999

// Number says whose a text is: which stack's, in which account. None in a place
// means that the recorded value is kept there.
type Number struct{ Stack, Account int }

// None is no number.
const None = -1

// recorded is the number of a text that names the recorded stack itself.
const recorded = -2

// Renaming makes the names and ids of many stacks from those of one that was
// recorded, and finds the recorded ones again: the last four characters of each
// value become the stack's number. The length of a text stays. Safe for
// concurrent use.
type Renaming struct{ values []renamed }

// renamed is a value that differs between stacks, or between accounts.
type renamed struct {
	value   string // as recorded
	prefix  string // value without the number's place
	account bool
}

// NewRenaming takes the account's id and the names and ids of the recorded
// stack. It fails where a text could not be told apart afterwards.
func NewRenaming(account string, values []string) (*Renaming, error) {
	r := &Renaming{}
	add := func(value string, isAccount bool) error {
		if len(value) < 2*numberDigits {
			return fmt.Errorf("rename %q: it is too short to be told apart", value)
		}
		for _, other := range r.values {
			if strings.Contains(other.value, value[:len(value)-numberDigits]) || strings.Contains(value, other.prefix) {
				return fmt.Errorf("rename %q: it can't be told apart from %q", value, other.value)
			}
		}
		r.values = append(r.values, renamed{value, value[:len(value)-numberDigits], isAccount})
		return nil
	}
	err := add(account, true)
	for _, value := range values {
		err = errors.Join(err, add(value, false))
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Rename gives a text of the recorded stack as that of another.
func (r *Renaming) Rename(text []byte, n Number) []byte { return r.compile(text).render(n) }

// restore turns a text of any stack into the recorded one's, in place, and says
// whose it was. A text that names two stacks is an error: no request does.
func (r *Renaming) restore(text []byte, n *Number) error {
	for _, v := range r.values {
		of := &n.Stack
		if v.account {
			of = &n.Account
		}
		if err := v.restore(text, of); err != nil {
			return err
		}
	}
	return nil
}

func (v renamed) restore(text []byte, of *int) error {
	for at := 0; ; {
		next := bytes.Index(text[at:], []byte(v.prefix))
		if next < 0 || at+next+len(v.value) > len(text) {
			return nil
		}
		at += next
		end := text[at+len(v.prefix) : at+len(v.value)]
		number, ok := v.number(end)
		if !ok {
			at++ // a value may begin inside of what only looked like one
			continue
		}
		if *of != None && *of != number {
			return fmt.Errorf("it names both %s%s and another one", v.prefix, end)
		}
		*of = number
		copy(end, v.value[len(v.prefix):])
		at += len(v.value)
	}
}

// number reads the end of a value.
func (v renamed) number(end []byte) (int, bool) {
	if string(end) == v.value[len(v.prefix):] && string(end) != "0000" {
		return recorded, true
	}
	n := 0
	for _, c := range end {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// template is a text cut at the values that are renamed.
type template []segment

type segment struct {
	text    string // what stands there when there is no number
	prefix  string // what stands before the number; empty: no number here
	account bool
}

func (r *Renaming) compile(text []byte) template {
	type place struct {
		at int
		v  renamed
	}
	var places []place
	for _, v := range r.values {
		for at := 0; ; at += len(v.value) {
			next := bytes.Index(text[at:], []byte(v.value))
			if next < 0 {
				break
			}
			at += next
			places = append(places, place{at, v})
		}
	}
	slices.SortFunc(places, func(a, b place) int { return a.at - b.at })
	var t template
	end := 0
	for _, p := range places {
		t = append(t, segment{text: string(text[end:p.at])}, segment{p.v.value, p.v.prefix, p.v.account})
		end = p.at + len(p.v.value)
	}
	return append(t, segment{text: string(text[end:])})
}

// ofStack says whether the text differs between stacks.
func (t template) ofStack() bool {
	return slices.ContainsFunc(t, func(s segment) bool { return s.prefix != "" && !s.account })
}

func (t template) render(n Number) []byte {
	var out bytes.Buffer
	for _, s := range t {
		number := n.Stack
		if s.account {
			number = n.Account
		}
		if s.prefix == "" || number < 0 {
			out.WriteString(s.text)
			continue
		}
		fmt.Fprintf(&out, "%s%0*d", s.prefix, numberDigits, number)
	}
	return out.Bytes()
}

package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// errNotRecorded says that a request was never made while recording.
var errNotRecorded = errors.New("nobody asked this while it was recorded")

// accountKey is the access key of an account of a fleet, by which a replay
// knows who asks. It opens nothing.
const accountKey = "AKIAFLEETACCOUNT"

// AccessKey is the access key id of an account of a fleet.
func AccessKey(account int) string { return fmt.Sprintf("%s%04d", accountKey, account) }

// accountOf tells the account of a request by the key that signed it.
func accountOf(r *http.Request) int {
	_, rest, found := strings.Cut(r.Header.Get("Authorization"), "Credential="+accountKey)
	number, _, slash := strings.Cut(rest, "/")
	n, err := strconv.Atoi(number)
	if !found || !slash || err != nil {
		return None
	}
	return n
}

// listing is an answer that tells of every stack of an account: an element of a
// list that belongs to the recorded stack is there once for each of them.
func (r *Renaming) listing(body []byte, account int, stacks []int) ([]byte, error) {
	var document any
	if err := decodeNumbers(body, &document); err != nil {
		return nil, fmt.Errorf("it tells of stacks but names none, and is no JSON: %w", err)
	}
	full, err := r.repeat(document, account, stacks)
	if err != nil {
		return nil, err
	}
	out, err := json.Marshal(full)
	if err != nil {
		return nil, err
	}
	return r.Rename(out, Number{None, account}), nil
}

func (r *Renaming) repeat(value any, account int, stacks []int) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		for name, item := range v {
			full, err := r.repeat(item, account, stacks)
			if err != nil {
				return nil, err
			}
			v[name] = full
		}
		return v, nil
	case []any:
		return r.repeatElements(v, account, stacks)
	case string:
		if r.compile([]byte(v)).ofStack() {
			return nil, fmt.Errorf("it tells of one stack (%q) but names none", v)
		}
	}
	return value, nil
}

func (r *Renaming) repeatElements(list []any, account int, stacks []int) (any, error) {
	full := []any{}
	for _, item := range list {
		text, err := json.Marshal(item)
		if err != nil {
			return nil, err
		}
		element := r.compile(text)
		if !element.ofStack() {
			full = append(full, item)
			continue
		}
		for _, n := range stacks {
			full = append(full, json.RawMessage(bytes.Clone(element.render(Number{n, account}))))
		}
	}
	return full, nil
}

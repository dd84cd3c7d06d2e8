package provider

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
)

// A schema file holds what one provider's GetProviderSchema answered, so that
// it need not be asked again. Layout: a magic line, the SHA-256 of all that
// follows, the protocol version and the optional flag (a byte each), and the
// schemas: each a section (a byte), a name and the encoded schema, both after
// their length, as in a protobuf message. The file is named by the hash of the
// provider's package, so it can't be out of date; by its own hash it can't be
// damaged without that being seen, which could turn a verdict.
const schemaMagic = "holdfast schema 2\n"

// schemaCache keeps schemas in memory for this run and in a folder for the
// next one.
type schemaCache struct {
	dir string

	mu   sync.Mutex
	open map[string]*Schemas // by Package.key
}

// load gives the schemas that are known of a package, or nil. A file that
// can't be used counts as none: it will be written again.
func (sc *schemaCache) load(pkg Package) *Schemas {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if s := sc.open[pkg.key()]; s != nil || pkg.Hash == "" {
		return s
	}
	src, err := os.ReadFile(sc.path(pkg.Hash))
	if err != nil {
		return nil
	}
	s, err := parseSchemaFile(src)
	if err != nil {
		return nil
	}
	sc.remember(pkg, s)
	return s
}

func (sc *schemaCache) remember(pkg Package, s *Schemas) {
	if sc.open == nil {
		sc.open = map[string]*Schemas{}
	}
	sc.open[pkg.key()] = s
}

// fetch asks a running provider for its schemas and keeps them. A cache that
// can't be written costs time at the next run and nothing else. A development
// override, which has no hash, is kept for this run only.
func (sc *schemaCache) fetch(ctx context.Context, pkg Package, c *Client) (*Schemas, error) {
	s, err := c.fetchSchemas(ctx)
	if err != nil {
		return nil, err
	}
	if pkg.Hash != "" {
		_ = writeFile(sc.path(pkg.Hash), s.schemaFile())
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.remember(pkg, s)
	return s, nil
}

func (sc *schemaCache) path(hash string) string {
	name := strings.NewReplacer("/", "_", "+", "-", "=", "", ":", "-").Replace(hash)
	return filepath.Join(sc.dir, "schemas", name)
}

// schemaFile is what a schema file holds.
func (s *Schemas) schemaFile() []byte {
	keys := slices.SortedFunc(maps.Keys(s.encoded), func(a, b schemaKey) int {
		if a.section != b.section {
			return int(a.section) - int(b.section)
		}
		return strings.Compare(a.name, b.name)
	})
	const head = len(schemaMagic) + sha256.Size
	size := head + 2
	for key, raw := range s.encoded {
		size += 1 + protowire.SizeBytes(len(key.name)) + protowire.SizeBytes(len(raw))
	}
	file := append(make([]byte, head, size), byte(s.protocol), 0) //nolint:gosec // 5 or 6
	if s.optional {
		file[head+1] = 1
	}
	for _, key := range keys {
		file = append(file, byte(key.section))
		file = protowire.AppendString(file, key.name)
		file = protowire.AppendBytes(file, s.encoded[key])
	}
	sum := sha256.Sum256(file[head:])
	copy(file, schemaMagic)
	copy(file[len(schemaMagic):], sum[:])
	return file
}

var errSchemaFile = errors.New("not a schema file")

func parseSchemaFile(file []byte) (*Schemas, error) {
	body, ok := bytes.CutPrefix(file, []byte(schemaMagic))
	if !ok || len(body) < sha256.Size+2 {
		return nil, errSchemaFile
	}
	sum, body := body[:sha256.Size], body[sha256.Size:]
	if is := sha256.Sum256(body); !bytes.Equal(is[:], sum) {
		return nil, errSchemaFile
	}
	return parseSchemaBody(body)
}

func parseSchemaBody(body []byte) (*Schemas, error) {
	protocol, optional, body := int(body[0]), body[1] == 1, body[2:]
	if _, ok := protocols[protocol]; !ok {
		return nil, errSchemaFile
	}
	encoded := map[schemaKey][]byte{}
	for len(body) > 0 {
		in := section(body[0])
		name, n := protowire.ConsumeString(body[1:])
		if n < 0 {
			return nil, errSchemaFile
		}
		raw, m := protowire.ConsumeBytes(body[1+n:])
		if m < 0 {
			return nil, errSchemaFile
		}
		encoded[schemaKey{in, name}] = raw
		body = body[1+n+m:]
	}
	return newSchemas(protocol, optional, encoded), nil
}

// writeFile writes a file aside and renames it, so that no reader sees half.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}

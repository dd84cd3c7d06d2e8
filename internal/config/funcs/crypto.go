package funcs

import (
	"crypto/md5" //nolint:gosec // the language has it
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the language has it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"

	"github.com/google/uuid"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"golang.org/x/crypto/ssh"
)

var cryptoFunctions = func() map[string]function.Function {
	table := map[string]function.Function{
		"bcrypt":     unrepeatable(texts("str"), &function.Parameter{Name: "cost", Type: cty.Number}),
		"rsadecrypt": rsaDecrypt,
		"uuid":       unrepeatable(nil, nil),
		"uuidv5":     uuidV5,
	}
	for name, d := range digests {
		table[name] = define(cty.String, texts("str"), func(args []cty.Value) (cty.Value, error) {
			h := d.hash()
			h.Write([]byte(args[0].AsString()))
			return cty.StringVal(d.show(h.Sum(nil))), nil
		})
	}
	return table
}()

// digest is a hash and how its sum is written. Each is a function of strings
// (sha256) and one of files (filesha256).
type digest struct {
	hash func() hash.Hash
	show func([]byte) string
}

var digests = map[string]digest{
	"base64sha256": {sha256.New, base64.StdEncoding.EncodeToString},
	"base64sha512": {sha512.New, base64.StdEncoding.EncodeToString},
	"md5":          {md5.New, hex.EncodeToString},
	"sha1":         {sha1.New, hex.EncodeToString},
	"sha256":       {sha256.New, hex.EncodeToString},
	"sha512":       {sha512.New, hex.EncodeToString},
}

var namespaces = map[string]uuid.UUID{
	"dns":  uuid.NameSpaceDNS,
	"oid":  uuid.NameSpaceOID,
	"url":  uuid.NameSpaceURL,
	"x500": uuid.NameSpaceX500,
}

// uuidV5 takes the name of a namespace of RFC 4122, or any UUID as one.
var uuidV5 = define(cty.String, texts("namespace", "name"), func(args []cty.Value) (cty.Value, error) {
	space, ok := namespaces[args[0].AsString()]
	if !ok {
		var err error
		if space, err = uuid.Parse(args[0].AsString()); err != nil {
			return cty.NilVal, bad(0, "it must be dns, oid, url, x500 or a UUID", "%s", err)
		}
	}
	return cty.StringVal(uuid.NewSHA1(space, []byte(args[1].AsString())).String()), nil
})

var rsaDecrypt = define(cty.String, texts("ciphertext", "privatekey"), func(args []cty.Value) (cty.Value, error) {
	ciphertext, err := fromBase64(args)
	if err != nil {
		return cty.NilVal, err
	}
	// No detail from here on: a private key is a secret even when it isn't marked.
	parsed, err := ssh.ParseRawPrivateKey([]byte(args[1].AsString()))
	if err != nil {
		return cty.NilVal, bad(1, "it is not an unencrypted private key in PEM format", "")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return cty.NilVal, bad(1, "it is a private key, but not an RSA one", "")
	}
	text, err := rsa.DecryptPKCS1v15(nil, key, ciphertext)
	if err != nil {
		return cty.NilVal, bad(0, "it can't be decrypted with this key", "")
	}
	return cty.StringVal(string(text)), nil
})

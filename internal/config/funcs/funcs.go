// Package funcs is the function library of the Terraform language: every
// built-in function of Terraform 1.11 and the common extras of OpenTofu, over
// cty values, for an evaluator that only reads.
//
// It differs from Terraform's own library in what a read-only evaluator needs:
//
//   - A value that could not be obtained is unknown, and an unknown argument
//     makes the result unknown, never a guess: try(UNKNOWN, "x") is unknown.
//     A result is known in spite of an unknown argument only where no value of
//     that argument could change it (length of a tuple, coalesce("x", UNKNOWN)).
//   - A function whose result can't be had again (timestamp, plantimestamp,
//     uuid, bcrypt) gives an unknown string.
//   - All marks pass through, not only [Sensitive] and [Ephemeral].
//   - What fails here only because of a limit of ours (a file over the size
//     limit, a provider's function) is [ErrLimit]; try and can then answer
//     unknown instead of taking the fallback that Terraform would not take.
//   - No error repeats a sensitive value.
//
// Functions that providers define (provider::NAME::FUNCTION) are not here.
//
// Reference: https://developer.hashicorp.com/terraform/language/functions and
// https://opentofu.org/docs/language/functions/
package funcs

import (
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"sync"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// mark is the type of the marks this package gives a meaning to. A caller may
// use marks of other types beside them; they are carried along.
type mark string

const (
	// Sensitive marks what must not be shown: sensitive() adds it,
	// nonsensitive() takes it off, issensitive() asks for it.
	Sensitive = mark("sensitive")
	// Ephemeral marks what is never stored; ephemeralasnull() turns it to null.
	Ephemeral = mark("ephemeral")
)

// GoString makes test failures readable.
func (m mark) GoString() string { return "funcs." + string(m) }

// CoreNamespace is the prefix under which each function is listed a second
// time: core::upper is upper.
const CoreNamespace = "core::"

// defaultMaxFileSize is 64 MiB.
const defaultMaxFileSize = 64 << 20

// Options says where the functions that look at the machine look.
//
// There is no folder of the module here. Terraform resolves every relative
// path against the folder it runs in, which is the root module's (after
// -chdir), whichever module the call stands in: that is why configurations
// write file("${path.module}/x"), path.module being relative to that folder.
type Options struct {
	// WorkDir is the root module's folder, as in terraform -chdir=WorkDir.
	// Symbolic links in it are resolved, as the system does when a process
	// changes into it. Empty means the current folder of this process.
	WorkDir string
	// HomeDir replaces "~". Empty means the current user's.
	HomeDir string
	// MaxFileSize is the most bytes that one file read into a value, or one
	// decompressed string, may have; hashing a file allows 16 times as much.
	// Zero means 64 MiB.
	MaxFileSize int64
}

// All gives every function by name, and by name under [CoreNamespace]. The map
// is the caller's to change; the functions may be called concurrently.
func All(opts Options) map[string]function.Function {
	table := make(map[string]function.Function, 2*140)
	maps.Copy(table, pure())
	fsys := newDisk(opts)
	for name, f := range fsys.functions() {
		table[name] = guard(f)
	}
	table["base64gunzip"] = guard(makeBase64Gunzip(fsys.maxSize))
	table["templatefile"] = templateFile(fsys, func() map[string]function.Function { return table })
	table["templatestring"] = guard(templateString(func() map[string]function.Function { return table }))
	for name, f := range maps.Clone(table) {
		table[CoreNamespace+name] = f
	}
	return table
}

// pure is the part of the table that depends on nothing but its arguments. It
// is built once, for All is called for every module of every stack.
var pure = sync.OnceValue(func() map[string]function.Function {
	table := map[string]function.Function{}
	for _, group := range []map[string]function.Function{
		stringFunctions, collectionFunctions, numberFunctions, encodingFunctions,
		cryptoFunctions, networkFunctions, timeFunctions, conversionFunctions,
	} {
		for name, f := range group {
			table[name] = guard(f)
		}
	}
	for name, f := range markFunctions {
		table[name] = guardKeepingMarks(f)
	}
	return table
})

// newDisk resolves the folders of opts once, so that a later change of the
// process's own folder changes nothing.
func newDisk(opts Options) disk {
	workDir := opts.WorkDir
	if abs, err := filepath.Abs(workDir); err == nil {
		workDir = abs
	}
	if physical, err := filepath.EvalSymlinks(workDir); err == nil {
		workDir = physical
	}
	home := opts.HomeDir
	if home == "" {
		home = currentHome()
	}
	maxSize := opts.MaxFileSize
	if maxSize <= 0 {
		maxSize = defaultMaxFileSize
	}
	return disk{workDir: workDir, homeDir: home, maxSize: maxSize, maxFolders: defaultMaxFolders}
}

// currentHome is $HOME, or what the user database says. Empty if neither does.
func currentHome() string {
	if home, err := os.UserHomeDir(); err == nil && home != "" {
		return home
	}
	if u, err := user.Current(); err == nil {
		return u.HomeDir
	}
	return ""
}

// define makes a function of fixed parameters that takes only known, unmarked
// values that are not null, and never gives null: cty deals with the others.
func define(result cty.Type, params []function.Parameter, impl func(args []cty.Value) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params:       params,
		Type:         function.StaticReturnType(result),
		RefineResult: notNull,
		Impl:         func(args []cty.Value, _ cty.Type) (cty.Value, error) { return impl(args) },
	})
}

// notNull tells cty that the result, known or not, is never null.
func notNull(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() }

// texts are parameters of type string.
func texts(names ...string) []function.Parameter {
	params := make([]function.Parameter, len(names))
	for i, name := range names {
		params[i] = function.Parameter{Name: name, Type: cty.String}
	}
	return params
}

// anything is a parameter that takes every value as it is.
func anything(name string) function.Parameter {
	return function.Parameter{
		Name: name, Type: cty.DynamicPseudoType,
		AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true,
	}
}

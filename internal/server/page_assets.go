package server

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"holdfast/internal/report"
)

//go:embed pages
var pageFiles embed.FS

// asset is a file that pages load. Its name changes with its content, so that
// browsers may keep it for good.
type asset struct {
	content []byte
	kind    string
}

// assets are those files by the last part of their path, and where each is.
type assets struct {
	byName              map[string]asset
	Style, Script, Icon string // paths
}

// StylePath is where the style sheet of the pages is, for the gate's own pages.
func StylePath() (string, error) {
	files, err := loadAssets()
	return files.Style, err
}

func loadAssets() (assets, error) {
	a := assets{byName: map[string]asset{}}
	_, shared := report.PageParts()
	for _, f := range []struct {
		name, before, kind string
		where              *string
	}{
		{"app.css", shared, "text/css; charset=utf-8", &a.Style},
		{"app.js", "", "text/javascript; charset=utf-8", &a.Script},
		{"icon.svg", "", "image/svg+xml", &a.Icon},
	} {
		content, err := fs.ReadFile(pageFiles, "pages/"+f.name)
		if err != nil {
			return a, fmt.Errorf("the pages' files: %w", err)
		}
		content = append([]byte(f.before), content...)
		sum := sha256.Sum256(content)
		ext := path.Ext(f.name)
		name := strings.TrimSuffix(f.name, ext) + "-" + hex.EncodeToString(sum[:6]) + ext
		a.byName[name] = asset{content, f.kind}
		*f.where = "/static/" + name
	}
	return a, nil
}

// static gives a file under the name that it has now. A page that was loaded
// before an upgrade asks for one that isn't there any more.
func (p *site) static(w http.ResponseWriter, r *http.Request) {
	file, ok := p.assets.byName[r.PathValue("name")]
	if !ok {
		http.Error(w, "There is no such file; load the page again.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", file.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(file.content) // the client may be gone
}

func (p *site) icon(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, p.assets.Icon, http.StatusFound)
}

func robots(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("User-agent: *\nDisallow: /\n")) // the client may be gone
}

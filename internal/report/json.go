// Package report writes a run out, one file a format.
package report

import (
	"encoding/json"
	"io"

	"holdfast/internal/drift"
)

// JSON writes the result that docs/result.schema.json describes.
func JSON(w io.Writer, run drift.Run) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(run)
}

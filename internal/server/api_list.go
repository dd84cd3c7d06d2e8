package server

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// Paging is which page of a list is wanted.
type Paging struct {
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"how many items a page has"`
	After string `query:"after" maxLength:"2000" doc:"the next of the page before"`
	url   url.URL
}

// Resolve implements huma.Resolver: it keeps the URL, for that of the next page.
func (p *Paging) Resolve(c huma.Context) []error {
	p.url = c.URL()
	return nil
}

// listBody is a page of a list.
type listBody[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"what after of the next page is; not there on the last one"`
	Total *int   `json:"total,omitempty" doc:"of all pages; not there where counting would take long"`
}

type listOutput[T any] struct {
	Link string `header:"Link" doc:"the next page, as RFC 8288 has it"`
	Body listBody[T]
}

// output is a page as it is answered.
func output[T any](p Paging, page store.Page[T], counted bool) *listOutput[T] {
	out := &listOutput[T]{Body: listBody[T]{Items: page.Items, Next: page.Next}}
	if counted {
		out.Body.Total = &page.Total
	}
	if page.Next != "" {
		query := p.url.Query()
		query.Set("after", page.Next)
		next := url.URL{Path: p.url.Path, RawPath: p.url.RawPath, RawQuery: query.Encode()}
		out.Link = fmt.Sprintf("<%s>; rel=%q", next.String(), "next")
	}
	return out
}

// whole is a list that has no pages.
func whole[T any](items []T) *listOutput[T] {
	if items == nil {
		items = []T{}
	}
	total := len(items)
	return &listOutput[T]{Body: listBody[T]{Items: items, Total: &total}}
}

// noSource is the name of no source.
const noSource = "/"

// sourcesFor are the sources that somebody may see, of those that are asked for; none
// stands for all.
func sourcesFor(ctx context.Context, asked []string) []string {
	who := access.From(ctx)
	if len(who.Scopes) == 0 {
		return asked
	}
	if len(asked) == 0 {
		return who.Scopes
	}
	both := slices.DeleteFunc(slices.Clone(asked), func(source string) bool { return !who.MaySee(source) })
	if len(both) == 0 {
		return []string{noSource}
	}
	return both
}

// bodyOutput is an answer without headers of its own.
type bodyOutput[T any] struct{ Body T }

func body[T any](value T) *bodyOutput[T] { return &bodyOutput[T]{value} }

// ByID is what one thing is asked for by.
type ByID struct {
	ID string `path:"id" maxLength:"200"`
}

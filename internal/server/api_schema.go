package server

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// allowNull says in the schemas of what is answered which objects may be null: huma
// can't say it of what it describes by a reference.
func allowNull(registry huma.Registry) {
	for name, schema := range registry.Map() {
		t := registry.TypeFromRef("#/components/schemas/" + name)
		if t == nil || t.Kind() != reflect.Struct {
			continue
		}
		for field := range t.Fields() {
			key, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
			property := schema.Properties[key]
			if property == nil || property.Ref == "" || field.Type.Kind() != reflect.Pointer || strings.Contains(rest, "omit") {
				continue
			}
			schema.Properties[key] = &huma.Schema{AnyOf: []*huma.Schema{{Ref: property.Ref}, {Type: "null"}}, Description: property.Description}
		}
	}
}

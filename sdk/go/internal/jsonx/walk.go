package jsonx

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"unicode/utf8"
)

// depthMax bounds the search in values that lead back to themselves.
const depthMax = 100

// notFinite returns the path of the first number that is infinite or no number, or "".
func notFinite(value any, root string) string {
	return find(reflect.ValueOf(value), root, 0, func(v reflect.Value) bool {
		return isFloat(v.Kind()) && (math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0))
	})
}

func isFloat(kind reflect.Kind) bool { return kind == reflect.Float32 || kind == reflect.Float64 }

// invalidText returns the path of the first string that is not UTF-8, or "".
func invalidText(value any, root string) string {
	return find(reflect.ValueOf(value), root, 0, func(v reflect.Value) bool {
		return v.Kind() == reflect.String && !utf8.ValidString(v.String())
	})
}

// ofType returns the path of the first value of a type, or "".
func ofType(value any, root string, wanted reflect.Type) string {
	return find(reflect.ValueOf(value), root, 0, func(v reflect.Value) bool {
		return v.IsValid() && v.Type() == wanted
	})
}

func find(v reflect.Value, path string, depth int, fits func(reflect.Value) bool) string {
	if !v.IsValid() || depth > depthMax {
		return ""
	}
	if fits(v) {
		return path
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return find(v.Elem(), path, depth+1, fits)
	case reflect.Slice, reflect.Array:
		for i := 0; i < v.Len(); i++ {
			if found := find(v.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+1, fits); found != "" {
				return found
			}
		}
	case reflect.Map:
		return findInMap(v, path, depth, fits)
	case reflect.Struct:
		return findInStruct(v, path, depth, fits)
	}
	return ""
}

func findInMap(v reflect.Value, path string, depth int, fits func(reflect.Value) bool) string {
	for each := v.MapRange(); each.Next(); {
		if fits(each.Key()) {
			return path
		}
		place := fmt.Sprintf("%s.%v", path, each.Key())
		if found := find(each.Value(), place, depth+1, fits); found != "" {
			return found
		}
	}
	return ""
}

func findInStruct(v reflect.Value, path string, depth int, fits func(reflect.Value) bool) string {
	for i := 0; i < v.NumField(); i++ {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" || !field.IsExported() && !field.Anonymous {
			continue
		}
		place := path
		if name == "" {
			name = field.Name
		}
		if !field.Anonymous || field.Tag.Get("json") != "" {
			place += "." + name
		}
		if found := find(v.Field(i), place, depth+1, fits); found != "" {
			return found
		}
	}
	return ""
}

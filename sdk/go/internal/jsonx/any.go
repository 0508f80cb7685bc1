package jsonx

import (
	"reflect"
	"sync"
)

var holders sync.Map // of reflect.Type: bool

// MayHoldAny reports whether values of a type can hold a number without a type.
func MayHoldAny(t reflect.Type) bool {
	if known, ok := holders.Load(t); ok {
		return known.(bool)
	}
	found := search(t, map[reflect.Type]bool{})
	holders.Store(t, found)
	return found
}

func search(t reflect.Type, seen map[reflect.Type]bool) bool {
	if t == nil || seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return search(t.Elem(), seen)
	case reflect.Map:
		return search(t.Key(), seen) || search(t.Elem(), seen)
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			if search(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

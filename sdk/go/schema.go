package treadle

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"treadle/internal/status"
)

// SchemaOf returns the JSON Schema (draft 7) of what encoding/json writes for a type: a struct is an
// object, and its fields are required unless they are omitempty. Other fields may be there. A type
// with a MarshalJSON of its own may be anything. nil: the type is not JSON ([]byte, Bytes), or may be
// anything (any, Task). The error is about a type that JSON does not have.
func SchemaOf[T any]() (json.RawMessage, error) {
	return schemaOf(reflect.TypeOf((*T)(nil)).Elem())
}

// WithTypedContract is WithContract with schemas that are made from the types of the handler, where
// contract has none. Run fails with ErrInvalidArgument if they cannot be.
func WithTypedContract(contract Contract) HandleOption {
	return func(e *handleEntry) { e.typedContracts = append(e.typedContracts, contract) }
}

func (e *handleEntry) addTypedContracts(in, out reflect.Type) {
	for _, contract := range e.typedContracts {
		var err error
		if contract.InputSchema == nil {
			contract.InputSchema, err = schemaOf(in)
		}
		if contract.OutputSchema == nil && err == nil {
			contract.OutputSchema, err = schemaOf(out)
		}
		if err != nil && e.wrong == nil {
			e.wrong = err
		}
		e.contracts = append(e.contracts, contract)
	}
}

var (
	bytesType       = reflect.TypeOf([]byte(nil))
	ownBytesType    = reflect.TypeOf(Bytes{})
	taskType        = reflect.TypeOf(Task{})
	nothingType     = reflect.TypeOf(struct{}{})
	rawType         = reflect.TypeOf(json.RawMessage(nil))
	numberType      = reflect.TypeOf(json.Number(""))
	timeType        = reflect.TypeOf(time.Time{})
	marshalerType   = reflect.TypeOf((*json.Marshaler)(nil)).Elem()
	textMarshalType = reflect.TypeOf((*encoding.TextMarshaler)(nil)).Elem()
)

type object = map[string]any

func schemaOf(t reflect.Type) (json.RawMessage, error) {
	switch {
	case t == bytesType || t == ownBytesType || t == taskType || t == rawType || t.Kind() == reflect.Interface:
		return nil, nil
	case t == nothingType:
		return json.RawMessage(`{"type":"null"}`), nil
	}
	maker := schemaMaker{names: map[reflect.Type]string{}, definitions: object{}}
	schema, err := maker.of(t, t.String())
	if err != nil {
		return nil, err
	}
	if len(maker.definitions) > 0 {
		schema = object{"allOf": []any{schema}, "definitions": maker.definitions}
	}
	return json.Marshal(schema)
}

// schemaMaker makes one schema. Structs with names are definitions, so that they may contain one
// another.
type schemaMaker struct {
	names       map[reflect.Type]string
	definitions object
}

func (m *schemaMaker) of(t reflect.Type, place string) (object, error) {
	switch {
	case t == timeType:
		return object{"type": "string", "format": "date-time"}, nil
	case t == numberType:
		return object{"type": "number"}, nil
	case t.Implements(marshalerType) || reflect.PointerTo(t).Implements(marshalerType):
		return object{}, nil
	case t.Implements(textMarshalType) || reflect.PointerTo(t).Implements(textMarshalType):
		return orNull(object{"type": "string"}, t.Kind() == reflect.Pointer), nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return object{"type": "integer"}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return object{"type": "integer", "minimum": 0}, nil
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}, nil
	case reflect.String:
		return object{"type": "string"}, nil
	case reflect.Interface:
		return object{}, nil
	case reflect.Pointer:
		schema, err := m.of(t.Elem(), place)
		return orNull(schema, true), err
	case reflect.Slice, reflect.Array:
		return m.ofList(t, place)
	case reflect.Map:
		schema, err := m.of(t.Elem(), place+"[…]")
		return orNull(object{"type": "object", "additionalProperties": schema}, true), err
	case reflect.Struct:
		return m.ofStruct(t, place)
	}
	return nil, status.Wrong("contract", fmt.Sprintf("no schema can be made from a type: %s is a %s, which JSON does not have", place, t))
}

// orNull adds what encoding/json writes for nil.
func orNull(schema object, isNullable bool) object {
	if name, isNamed := schema["type"].(string); isNullable && isNamed {
		schema["type"] = []any{name, "null"}
	} else if isNullable && len(schema) > 0 && !isNamed && schema["type"] == nil {
		return object{"anyOf": []any{schema, object{"type": "null"}}}
	}
	return schema
}

func (m *schemaMaker) ofList(t reflect.Type, place string) (object, error) {
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
		return orNull(object{"type": "string"}, true), nil // base64
	}
	items, err := m.of(t.Elem(), place+"[]")
	schema := object{"type": "array", "items": items}
	if t.Kind() == reflect.Array {
		schema["minItems"], schema["maxItems"] = t.Len(), t.Len()
	}
	return orNull(schema, t.Kind() == reflect.Slice), err
}

func (m *schemaMaker) ofStruct(t reflect.Type, place string) (object, error) {
	if t.Name() == "" {
		return m.fields(t, place)
	}
	name, isKnown := m.names[t]
	if !isKnown {
		name = t.Name() + strconv.Itoa(len(m.names)+1)
		m.names[t] = name
		schema, err := m.fields(t, place)
		if err != nil {
			return nil, err
		}
		m.definitions[name] = schema
	}
	return object{"$ref": "#/definitions/" + name}, nil
}

func (m *schemaMaker) fields(t reflect.Type, place string) (object, error) {
	properties, required := object{}, map[string]bool{}
	if err := m.addFields(t, place, properties, required); err != nil {
		return nil, err
	}
	schema := object{"type": "object", "properties": properties}
	var names []string
	for name := range required {
		names = append(names, name)
	}
	if sort.Strings(names); len(names) > 0 {
		schema["required"] = names
	}
	return schema, nil
}

// addFields adds those of embedded structs last: of two with a name, the outer one counts.
func (m *schemaMaker) addFields(t reflect.Type, place string, properties object, required map[string]bool) error {
	var embedded []reflect.Type
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		name, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Tag.Get("json") == "-" {
			continue
		}
		if inner := structOf(field.Type); field.Anonymous && name == "" && inner != nil {
			embedded = append(embedded, inner)
			continue
		}
		if !field.IsExported() {
			continue
		}
		if name == "" {
			name = field.Name
		}
		if properties[name] != nil {
			continue
		}
		schema, err := m.of(field.Type, place+"."+name)
		if err != nil {
			return err
		}
		options := "," + rest + ","
		if strings.Contains(options, ",string,") {
			schema = object{"type": "string"}
		}
		properties[name] = schema
		if !strings.Contains(options, ",omitempty,") && !strings.Contains(options, ",omitzero,") {
			required[name] = true
		}
	}
	for _, inner := range embedded {
		if err := m.addFields(inner, place, properties, required); err != nil {
			return err
		}
	}
	return nil
}

func structOf(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct {
		return t
	}
	return nil
}

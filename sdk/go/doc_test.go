package treadle_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
	"testing"
)

func TestEveryExportedNameHasAComment(t *testing.T) {
	t.Parallel()
	isSource := func(file fs.FileInfo) bool { return !strings.HasSuffix(file.Name(), "_test.go") }
	names := 0
	for _, folder := range []string{".", "treadletest"} {
		files := token.NewFileSet()
		packages, err := parser.ParseDir(files, folder, isSource, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, each := range packages {
			ast.Inspect(each, func(node ast.Node) bool {
				for _, name := range undocumented(node) {
					t.Errorf("%s: %s has no comment", files.Position(name.Pos()), name.Name)
				}
				if name, isName := node.(*ast.Ident); isName && name.IsExported() {
					names++
				}
				_, isBody := node.(*ast.BlockStmt)
				return !isBody
			})
		}
	}
	if names < 300 {
		t.Error("only", names, "exported names were found")
	}
}

// undocumented returns the exported names that a declaration makes without a comment. A group of
// variables or constants may share one.
func undocumented(node ast.Node) (names []*ast.Ident) {
	switch declared := node.(type) {
	case *ast.FuncDecl:
		if declared.Doc == nil && declared.Name.IsExported() && hasExportedReceiver(declared) {
			names = append(names, declared.Name)
		}
	case *ast.GenDecl:
		for _, each := range declared.Specs {
			switch spec := each.(type) {
			case *ast.TypeSpec:
				if declared.Doc == nil && spec.Doc == nil && spec.Name.IsExported() {
					names = append(names, spec.Name)
				}
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					if declared.Doc == nil && spec.Doc == nil && spec.Comment == nil && name.IsExported() {
						names = append(names, name)
					}
				}
			}
		}
	}
	return names
}

func hasExportedReceiver(method *ast.FuncDecl) bool {
	if method.Recv == nil {
		return true
	}
	isExported := true
	ast.Inspect(method.Recv.List[0].Type, func(node ast.Node) bool {
		if name, isName := node.(*ast.Ident); isName {
			isExported = name.IsExported()
			return false
		}
		return isExported
	})
	return isExported
}

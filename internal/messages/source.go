package messages

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// source is one package of the program, read and held together: who calls
// what, and what is put where.
type source struct {
	root    string
	fset    *token.FileSet
	files   map[string]*ast.File // by name without the folder
	info    *types.Info
	parents map[ast.Node]ast.Node
	calls   map[types.Object][]*ast.CallExpr
	puts    map[types.Object][]put // into a variable, or into a field of a struct
	said    map[string]string      // what the named errors of all packages say, by package.Name
}

// put is one value that a variable or a field gets. index is which result of
// a call it is, -1 when it is the value itself.
type put struct {
	expr  ast.Expr
	index int
	at    ast.Node
}

// added holds for what is hung on to a text.
func (p put) added() bool {
	a, ok := p.at.(*ast.AssignStmt)
	return ok && a.Tok == token.ADD_ASSIGN
}

// stranger stands for every package that is imported: what it holds is not
// known, and need not be.
type stranger struct{}

func (stranger) Import(name string) (*types.Package, error) {
	p := types.NewPackage(name, path.Base(name))
	p.MarkComplete()
	return p, nil
}

// read takes in a package, without its tests.
func read(dir string) (*source, error) {
	s := &source{fset: token.NewFileSet(), files: map[string]*ast.File{}, parents: map[ast.Node]ast.Node{},
		calls: map[types.Object][]*ast.CallExpr{}, puts: map[types.Object][]put{}, said: map[string]string{},
		info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
			Selections: map[*ast.SelectorExpr]*types.Selection{}}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []*ast.File
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(s.fset, filepath.Join(dir, e.Name()), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		s.files[e.Name()] = f
		all = append(all, f)
	}
	// What cannot be known of strangers is an error to the checker, and none here.
	c := types.Config{Importer: stranger{}, Error: func(error) {}, FakeImportC: true}
	_, _ = c.Check(dir, s.fset, all, s.info)
	for _, f := range all {
		s.link(f)
	}
	return s, nil
}

// link notes parents, calls and puts of a file.
func (s *source) link(f *ast.File) {
	var above []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			above = above[:len(above)-1]
			return true
		}
		if len(above) > 0 {
			s.parents[n] = above[len(above)-1]
		}
		above = append(above, n)
		switch n := n.(type) {
		case *ast.CallExpr:
			if o := s.object(n.Fun); o != nil {
				s.calls[o] = append(s.calls[o], n)
			}
		case *ast.AssignStmt:
			s.assign(n.Lhs, n.Rhs, n)
		case *ast.ValueSpec:
			var names []ast.Expr
			for _, id := range n.Names {
				names = append(names, id)
			}
			s.assign(names, n.Values, n)
		case *ast.CompositeLit:
			s.inOrder(n)
		case *ast.KeyValueExpr:
			if id, ok := n.Key.(*ast.Ident); ok {
				if o, ok := s.info.Uses[id].(*types.Var); ok && o.IsField() {
					s.puts[o] = append(s.puts[o], put{n.Value, -1, n})
				}
			}
		}
		return true
	})
}

// inOrder notes the values of a struct that is written without its fields' names.
func (s *source) inOrder(lit *ast.CompositeLit) {
	tv, ok := s.info.Types[lit]
	if !ok {
		return
	}
	st, ok := tv.Type.Underlying().(*types.Struct)
	if !ok || len(lit.Elts) == 0 {
		return
	}
	if _, named := lit.Elts[0].(*ast.KeyValueExpr); named {
		return
	}
	for i, e := range lit.Elts {
		if i < st.NumFields() {
			s.puts[st.Field(i)] = append(s.puts[st.Field(i)], put{e, -1, e})
		}
	}
}

func (s *source) assign(to, from []ast.Expr, at ast.Node) {
	for i, l := range to {
		o := s.object(l)
		if o == nil {
			continue
		}
		switch {
		case len(from) == len(to):
			s.puts[o] = append(s.puts[o], put{from[i], -1, at})
		case len(from) == 1:
			s.puts[o] = append(s.puts[o], put{from[0], i, at})
		}
	}
}

// object is what a name or selector means, nil when that is a stranger's.
func (s *source) object(e ast.Expr) types.Object {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return s.object(e.X)
	case *ast.IndexExpr:
		return s.object(e.X)
	case *ast.Ident:
		if o := s.info.Defs[e]; o != nil {
			return o
		}
		return s.info.Uses[e]
	case *ast.SelectorExpr:
		if sel := s.info.Selections[e]; sel != nil {
			return sel.Obj()
		}
	}
	return nil
}

// fixed is the value of a constant text.
func (s *source) fixed(e ast.Expr) (string, bool) {
	if tv, ok := s.info.Types[e]; ok && tv.Value != nil && tv.Value.Kind() == constant.String {
		return constant.StringVal(tv.Value), true
	}
	return "", false
}

// stranger gives "package.Name" of a selector into another package.
func (s *source) strange(e ast.Expr) string {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	if p, ok := s.info.Uses[id].(*types.PkgName); ok {
		return path.Base(p.Imported().Path()) + "." + sel.Sel.Name
	}
	return ""
}

// body gives the function in which a node stands, and its parameters.
func (s *source) body(n ast.Node) ast.Node {
	for n = s.parents[n]; n != nil; n = s.parents[n] {
		switch n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			return n
		}
	}
	return nil
}

func signature(fn ast.Node) (*ast.FuncType, *ast.BlockStmt) {
	switch fn := fn.(type) {
	case *ast.FuncDecl:
		return fn.Type, fn.Body
	case *ast.FuncLit:
		return fn.Type, fn.Body
	}
	return nil, nil
}

// param tells which argument of which function a variable is.
func (s *source) param(o types.Object, from ast.Node) (fn ast.Node, index int) {
	for fn = s.body(from); fn != nil; fn = s.body(fn) {
		t, _ := signature(fn)
		i := 0
		for _, f := range t.Params.List {
			for _, name := range f.Names {
				if s.info.Defs[name] == o {
					if _, more := f.Type.(*ast.Ellipsis); more {
						return nil, 0
					}
					return fn, i
				}
				i++
			}
		}
	}
	return nil, 0
}

// callers are the calls of a function that has a name, also of one in a variable.
func (s *source) callers(fn ast.Node) []*ast.CallExpr {
	switch f := fn.(type) {
	case *ast.FuncDecl:
		return s.calls[s.info.Defs[f.Name]]
	case *ast.FuncLit:
		if a, ok := s.parents[f].(*ast.AssignStmt); ok {
			for i, r := range a.Rhs {
				if r == f && len(a.Lhs) == len(a.Rhs) {
					return s.calls[s.object(a.Lhs[i])]
				}
			}
		}
	}
	return nil
}

// function finds the text of a function of this package that is called.
func (s *source) function(o types.Object) ast.Node {
	for _, f := range s.files {
		for _, d := range f.Decls {
			if fd, ok := d.(*ast.FuncDecl); ok && s.info.Defs[fd.Name] == o {
				return fd
			}
		}
	}
	for _, p := range s.puts[o] {
		if lit, ok := p.expr.(*ast.FuncLit); ok {
			return lit
		}
	}
	return nil
}

func (s *source) names() []string {
	var out []string
	for n := range s.files {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

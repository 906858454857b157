package messages

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// gap stands for what is filled in when a message is shown.
const gap = "…"

// value is one text that an expression can give.
type value struct {
	text string
	// from is where it was put into its variable: the block or the return. A word
	// and a text that come from one place belong together.
	from ast.Node
	// part is true for a text that is only a piece of another one.
	part bool
}

// binding is what the parameters of a function are in one call of it.
type binding struct {
	fn   ast.Node
	call *ast.CallExpr
	in   *binding // where the call stands
}

// flow follows texts to where they are written.
type flow struct {
	*source
	seen map[ast.Node]bool // on the way at the moment
	met  map[ast.Node]bool // all texts that were reached, for what is left over
	// row is the line of a table that is looked at: its fields alone count.
	row ast.Node
}

const deepest = 12

// values are the texts that e can give, without those that nobody can know.
func (f *flow) values(e ast.Expr, b *binding, depth int) []value {
	if e == nil || depth > deepest || f.seen[e] {
		return nil
	}
	f.seen[e] = true
	defer delete(f.seen, e)
	if text, ok := f.fixed(e); ok {
		f.reach(e)
		return []value{{text: text}}
	}
	switch e := e.(type) {
	case *ast.ParenExpr:
		return f.values(e.X, b, depth+1)
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return nil
		}
		return append([]value{{text: f.pattern(e, b)}}, f.parts(b, depth, summands(e)...)...)
	case *ast.CallExpr:
		return f.called(e, -1, b, depth)
	case *ast.Ident:
		return f.variable(f.object(e), e, b, depth)
	case *ast.SelectorExpr:
		if text := f.said[f.strange(e)]; text != "" {
			return []value{{text: text}}
		}
		if o, ok := f.object(e).(*types.Var); ok && o.IsField() && !shared(o.Name()) {
			return f.putInto(o, b, depth)
		}
	}
	return nil
}

// summands are the texts of a sum, from left to right.
func summands(e ast.Expr) []ast.Expr {
	if sum, ok := e.(*ast.BinaryExpr); ok && sum.Op == token.ADD {
		return append(summands(sum.X), summands(sum.Y)...)
	}
	return []ast.Expr{e}
}

// shared are fields of so many things that what is put into one says nothing
// of the others.
func shared(field string) bool {
	switch field {
	case "Text", "Hint", "Word", "Reason", "Detail", "Item", "Name", "Label":
		return true
	}
	return false
}

func (f *flow) variable(o types.Object, at ast.Node, b *binding, depth int) []value {
	if o == nil {
		return nil
	}
	if text := f.said[f.own(o)]; text != "" {
		return []value{{text: text}}
	}
	fn, i := f.param(o, at)
	if fn == nil {
		return f.putInto(o, b, depth)
	}
	if arg, in := f.argument(o, at, b); arg != nil {
		return append(f.values(arg, in, depth+1), f.putInto(o, in, depth)...)
	}
	var out []value
	for _, c := range f.callers(fn) {
		if i < len(c.Args) {
			out = append(out, f.values(c.Args[i], nil, depth+1)...)
		}
	}
	return append(out, f.putInto(o, b, depth)...)
}

// argument is what a parameter is in the call that is looked at, and where
// that stands; nil when no call is.
func (f *flow) argument(o types.Object, at ast.Node, b *binding) (ast.Expr, *binding) {
	fn, i := f.param(o, at)
	if fn == nil {
		return nil, nil
	}
	for ; b != nil; b = b.in {
		if b.fn == fn && i < len(b.call.Args) {
			return b.call.Args[i], b.in
		}
	}
	return nil, nil
}

func (f *flow) own(o types.Object) string {
	if o.Pkg() != nil && o.Parent() == o.Pkg().Scope() {
		return "." + o.Name()
	}
	return ""
}

func (f *flow) putInto(o types.Object, b *binding, depth int) (out []value) {
	for _, p := range f.inRow(f.puts[o]) {
		var got []value
		if p.index < 0 {
			got = f.values(p.expr, b, depth+1)
		} else if c, ok := p.expr.(*ast.CallExpr); ok {
			got = f.called(c, p.index, b, depth)
		}
		for _, v := range got {
			if !several(v.from) {
				v.from = f.block(p.at)
			}
			v.part = v.part || p.added()
			out = append(out, v)
		}
	}
	return out
}

// several holds for a return of more than one result: what it gives belongs
// together, wherever it is put.
func several(n ast.Node) bool {
	r, ok := n.(*ast.ReturnStmt)
	return ok && len(r.Results) > 1
}

// inRow leaves what belongs to the row, if something does.
func (f *flow) inRow(all []put) []put {
	for _, p := range all {
		if f.row != nil && f.parents[p.at] == f.row {
			return []put{p}
		}
	}
	return all
}

// block is the list of statements in which a node stands.
func (s *source) block(n ast.Node) ast.Node {
	for ; n != nil; n = s.parents[n] {
		switch n.(type) {
		case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause, *ast.ReturnStmt:
			return n
		case *ast.CompositeLit:
			if _, table := s.parents[n].(*ast.CompositeLit); table {
				return n
			}
		}
	}
	return nil
}

// called are the texts that a call gives as its result of that index; -1 is
// the only one.
func (f *flow) called(c *ast.CallExpr, index int, b *binding, depth int) []value {
	if depth > deepest {
		return nil
	}
	switch name := f.strange(c.Fun); {
	case name == "fmt.Sprintf", name == "fmt.Errorf", name == "errors.New":
		return append([]value{{text: f.pattern(c, b)}}, f.parts(b, depth, c.Args[1:]...)...)
	case name == "errors.Join", name == "cmp.Or":
		return f.all(b, depth, c.Args...)
	case strings.HasPrefix(name, "strings.Trim"):
		return f.all(b, depth, c.Args[0])
	case name != "":
		return nil
	}
	if tv, ok := f.info.Types[c.Fun]; ok && tv.IsType() {
		return f.all(b, depth, c.Args...)
	}
	if sel, ok := c.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Error" && len(c.Args) == 0 {
		return f.failure(sel.X, c, b, depth)
	}
	o := f.object(c.Fun)
	if o == nil {
		return nil
	}
	fn := f.function(o)
	t, body := signature(fn)
	if t == nil || body == nil || f.seen[fn] {
		return nil
	}
	f.seen[fn] = true
	defer delete(f.seen, fn)
	in := &binding{fn, c, b}
	var out []value
	f.returns(body, func(r *ast.ReturnStmt) {
		i := max(index, 0)
		switch {
		case i < len(r.Results) && (len(r.Results) > 1 || i == 0):
			got := f.values(r.Results[i], in, depth+1)
			for _, v := range got {
				if !several(v.from) {
					v.from = r
				}
				out = append(out, v)
			}
		case len(r.Results) == 0: // named results
			n := 0
			for _, field := range t.Results.List {
				for _, name := range field.Names {
					if n == i {
						out = append(out, f.putInto(f.info.Defs[name], in, depth)...)
					}
					n++
				}
			}
		case len(r.Results) == 1:
			if again, ok := r.Results[0].(*ast.CallExpr); ok {
				out = append(out, f.called(again, i, in, depth+1)...)
			}
		}
	})
	return out
}

// returns hands over the returns of a function, and of no function in it.
func (f *flow) returns(body *ast.BlockStmt, each func(*ast.ReturnStmt)) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			each(n)
		}
		return true
	})
}

func (f *flow) all(b *binding, depth int, es ...ast.Expr) (out []value) {
	for _, e := range es {
		out = append(out, f.values(e, b, depth+1)...)
	}
	return out
}

// parts are the sentences that fill the gaps of another one.
func (f *flow) parts(b *binding, depth int, es ...ast.Expr) (out []value) {
	for _, e := range es {
		if _, ok := f.fixed(e); ok {
			continue
		}
		for _, v := range f.values(e, b, depth+1) {
			v.part, v.from = true, nil
			out = append(out, v)
		}
	}
	return out
}

// newFlow reads what the named errors of the package say, beside those of
// others.
func newFlow(s *source, said map[string]string) *flow {
	f := &flow{source: s, seen: map[ast.Node]bool{}, met: map[ast.Node]bool{}}
	for name, text := range said {
		s.said[name] = text
	}
	for again := 0; again < 2; again++ { // one may be made of another
		for o, puts := range s.puts {
			for _, p := range puts {
				c, ok := p.expr.(*ast.CallExpr)
				if name := f.own(o); ok && name != "" && (s.strange(c.Fun) == "errors.New" || s.strange(c.Fun) == "fmt.Errorf") {
					s.said[name] = f.pattern(c, nil)
				}
			}
		}
	}
	f.met = map[ast.Node]bool{}
	return f
}

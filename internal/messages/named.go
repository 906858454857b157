package messages

import "go/ast"

// failure is what an error says, where the code has just held it against named
// errors, or made it in the same function; any other one can say anything.
func (f *flow) failure(x ast.Expr, at ast.Node, b *binding, depth int) (out []value) {
	o := f.object(x)
	if o == nil {
		return nil
	}
	if text := f.said[f.own(o)]; text != "" {
		f.reachNamed(o)
		return []value{{text: text}}
	}
	for n := at; ; {
		if text := f.heldAgainst(n); len(text) > 0 {
			for _, t := range text {
				out = append(out, value{text: t})
			}
			return out
		}
		if b == nil {
			break
		}
		n, b = b.call, b.in
	}
	for _, p := range f.puts[o] {
		if c, ok := p.expr.(*ast.CallExpr); ok && f.strange(c.Fun) == "fmt.Errorf" {
			out = append(out, value{text: f.pattern(c, nil), from: f.block(p.at)})
		}
	}
	return out
}

// heldAgainst are the texts of the named errors which the case says it is, in
// which a node stands.
func (f *flow) heldAgainst(n ast.Node) (out []string) {
	for ; n != nil; n = f.parents[n] {
		c, ok := n.(*ast.CaseClause)
		if !ok {
			continue
		}
		for _, cond := range c.List {
			ast.Inspect(cond, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && f.strange(call.Fun) == "errors.Is" && len(call.Args) == 2 {
					if o := f.object(call.Args[1]); o != nil && f.said[f.own(o)] != "" {
						f.reachNamed(o)
						out = append(out, f.said[f.own(o)])
					}
				}
				return true
			})
		}
		return out
	}
	return nil
}

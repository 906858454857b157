package messages

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
)

// Word is one of the words in capitals.
type Word struct {
	Name string // of the constant
	Text string
	When string
	Do   string // what to do where no hint says it; empty: there is always a hint
}

// words are the package's words in the order in which they stand there, each
// with what its comment says.
func (s *source) words() (out []Word) {
	for _, name := range s.names() {
		for _, d := range s.files[name].Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok || len(v.Names) != 1 {
					continue
				}
				c, ok := s.info.Defs[v.Names[0]].(*types.Const)
				if !ok || !isType(c.Type(), "Word") {
					continue
				}
				text, _ := s.fixed(v.Values[0])
				w := Word{Name: c.Name(), Text: text}
				comment := v.Doc
				if comment == nil && len(g.Specs) == 1 {
					comment = g.Doc
				}
				doc := strings.Join(strings.Fields(comment.Text()), " ")
				w.When, w.Do, _ = strings.Cut(doc, "To do: ")
				w.When = sentence(strings.TrimPrefix(strings.TrimSpace(w.When), w.Name+" is "))
				out = append(out, w)
			}
		}
	}
	return out
}

func isType(t types.Type, name string) bool {
	n, ok := t.(*types.Named)
	return ok && n.Obj().Name() == name
}

// findings are the codes of the audit, each with what it means and what to do.
func (s *source) findings() (out [][3]string) {
	for _, name := range s.names() {
		ast.Inspect(s.files[name], func(n ast.Node) bool {
			kv, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			code, ok := s.fixed(kv.Key)
			words, isList := kv.Value.(*ast.CompositeLit)
			if !ok || !isList || len(words.Elts) != 2 || !isType(s.info.Types[kv.Key].Type, "Code") {
				return true
			}
			what, _ := s.fixed(words.Elts[0])
			do, _ := s.fixed(words.Elts[1])
			out = append(out, [3]string{code, what, do})
			return false
		})
	}
	slices.SortFunc(out, func(a, b [3]string) int { return strings.Compare(a[0], b[0]) })
	return out
}

// A Line is one line that the doctor can write.
type Line struct {
	What, State, Text, Do, At string
}

// lines are those of the doctor.
func (f *flow) lines() (out []Line) {
	for _, name := range f.names() {
		ast.Inspect(f.files[name], func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok || f.callee(c) != ".line" || len(c.Args) != 5 {
				return true
			}
			for _, w := range f.gathered([]put{{c.Args[1], -1, c}}, nil) {
				if row, ok := w.from.(*ast.CompositeLit); ok {
					f.row = row
				}
				out = append(out, f.line(c, w.text)...)
				f.row = nil
			}
			return false
		})
	}
	return out
}

// line are the forms of one line: each state with the text and the remedy that
// are set with it.
func (f *flow) line(c *ast.CallExpr, what string) (out []Line) {
	states := f.gathered([]put{{c.Args[2], -1, c}}, nil)
	texts, dos := f.gathered([]put{{c.Args[3], -1, c}}, nil), f.gathered([]put{{c.Args[4], -1, c}}, nil)
	for _, s := range states {
		t, d := together(s, states, texts), together(s, states, dos)
		if !slices.ContainsFunc(t, func(v value) bool { return !v.part }) {
			t = append(t, value{text: gap})
		}
		for _, t := range t {
			if !t.part {
				out = append(out, Line{what, s.text, tidy(t.text), tidy(fitting(t, d)), f.place(c)})
			}
		}
	}
	return out
}

package messages

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strings"
)

var verbs = regexp.MustCompile(`%[-+# 0]*(\[\d+\])?[\d.*]*[a-zA-Z%]`)

// pattern is a text with gaps.
func (f *flow) pattern(e ast.Expr, b *binding) string {
	if text, ok := f.fixed(e); ok {
		f.reach(e)
		return text
	}
	switch e := e.(type) {
	case *ast.ParenExpr:
		return f.pattern(e.X, b)
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return f.pattern(e.X, b) + f.pattern(e.Y, b)
		}
	case *ast.SelectorExpr:
		if text := f.said[f.strange(e)]; text != "" {
			return text
		}
		if puts := f.inRow(f.puts[f.object(e)]); f.row != nil && len(puts) == 1 {
			return f.pattern(puts[0].expr, b)
		}
	case *ast.Ident:
		o := f.object(e)
		if o == nil {
			return gap
		}
		if f.said[f.own(o)] != "" {
			return f.said[f.own(o)]
		}
		if arg, in := f.argument(o, e, b); arg != nil {
			return f.pattern(arg, in)
		}
	case *ast.CallExpr:
		switch name := f.strange(e.Fun); name {
		case "fmt.Sprintf", "fmt.Errorf", "errors.New":
			if len(e.Args) > 0 {
				format, ok := f.fixed(e.Args[0])
				if !ok {
					return gap
				}
				f.reach(e.Args[0])
				if name == "errors.New" {
					return format
				}
				return f.format(format, e.Args[1:], b)
			}
		}
	}
	return gap
}

// format fills in what is known.
func (f *flow) format(format string, args []ast.Expr, b *binding) string {
	n := 0
	return verbs.ReplaceAllStringFunc(format, func(verb string) string {
		if verb == "%%" {
			return "%"
		}
		text := gap
		if n < len(args) && (strings.HasSuffix(verb, "w") || strings.HasSuffix(verb, "s") || strings.HasSuffix(verb, "v")) {
			text = f.pattern(args[n], b)
		}
		n++
		if strings.HasSuffix(verb, "q") {
			return `"` + text + `"`
		}
		return text
	})
}

// reachNamed notes the text of a named error.
func (f *flow) reachNamed(o types.Object) {
	for _, p := range f.puts[o] {
		f.reach(p.expr)
	}
}

// reach notes the literals of a text.
func (f *flow) reach(e ast.Expr) {
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			f.met[n] = true
		case *ast.Ident:
			if c, ok := f.object(n).(*types.Const); ok {
				for _, p := range f.puts[c] {
					ast.Inspect(p.expr, func(n ast.Node) bool { f.met[n] = true; return n != nil })
				}
			}
		}
		return true
	})
}

package messages

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A Sentence is a text in the code that a person may read, with how it gets
// there.
type Sentence struct {
	Text string
	Do   string // what the code says with it, as its hint
	Dir  string
	File string
	At   string // file:line
	Call string // what it is handed to: "fmt.Errorf", "usage", "Message:"
	Exit string // the code with which a verb ends through it
}

// sentences are the texts of a package that no notice says, in the order in
// which they stand there. wanted chooses among them.
func (f *flow) sentences(dir string, wanted func(Sentence) bool) (out []Sentence) {
	for _, name := range f.names() {
		ast.Inspect(f.files[name], func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec, *ast.StructType:
				return false
			case *ast.CallExpr:
				if silent(f.callee(n)) {
					return false
				}
			case *ast.KeyValueExpr:
				if id, ok := n.Key.(*ast.Ident); ok && silent(id.Name+":") {
					return false
				}
			}
			e, ok := n.(ast.Expr)
			if !ok || !f.text(e) {
				return true
			}
			if f.met[first(e)] {
				return false
			}
			s := Sentence{Text: tidy(f.pattern(e, nil)), Dir: dir, File: name, Call: f.callOf(e)}
			if silent(s.Call) || !prose(s.Text) || f.key(e, s) || !wanted(s) {
				return true
			}
			h, hint := f.hintOf(e)
			if hint {
				return false // it stands beside what it belongs to
			}
			if h != nil {
				s.Do = tidy(f.pattern(h, nil))
			}
			s.At, s.Exit = f.place(e), f.exit(e, s)
			out = append(out, s)
			return false
		})
	}
	return out
}

func (f *flow) place(n ast.Node) string {
	p := f.fset.Position(n.Pos())
	name, err := filepath.Rel(f.root, p.Filename)
	if err != nil {
		name = p.Filename
	}
	return filepath.ToSlash(name) + ":" + strconv.Itoa(p.Line)
}

// hintOf is the hint that is given with a text, in one literal or call, and
// whether the text is such a hint itself.
func (f *flow) hintOf(e ast.Expr) (hint ast.Expr, is bool) {
	for _, pair := range [][2]string{{"Message", "Hint"}, {"err", "hint"}} {
		switch f.callOf(e) {
		case pair[1] + ":":
			return nil, f.sibling(e, pair[0]) != nil
		case pair[0] + ":":
			return f.sibling(e, pair[1]), false
		}
		// An error that is made in its place is handed to itself.
		if kv, ok := f.parents[e].(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && id.Name == pair[0] {
				return f.sibling(e, pair[1]), false
			}
		}
	}
	if c, ok := f.parents[e].(*ast.CallExpr); ok && f.callee(c) == ".away" && len(c.Args) == 2 {
		return c.Args[1], c.Args[1] == e
	}
	return nil, false
}

// sibling is the value of another field of the literal in which e is one.
func (f *flow) sibling(e ast.Expr, field string) ast.Expr {
	kv, ok := f.parents[e].(*ast.KeyValueExpr)
	if !ok {
		return nil
	}
	lit, ok := f.parents[kv].(*ast.CompositeLit)
	if !ok {
		return nil
	}
	for _, other := range lit.Elts {
		if kv, ok := other.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && id.Name == field {
				return kv.Value
			}
		}
	}
	return nil
}

// tidy makes one line of a text, with gaps where something is filled in.
func tidy(text string) string {
	text = strings.Join(strings.Fields(verbs.ReplaceAllString(text, gap)), " ")
	for strings.Contains(text, gap+gap) {
		text = strings.ReplaceAll(text, gap+gap, gap)
	}
	return text
}

// text holds for a literal, a sum of texts, and a format that is filled in.
func (f *flow) text(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.BinaryExpr:
		return e.Op == token.ADD && (f.text(e.X) || f.text(e.Y))
	case *ast.CallExpr:
		switch f.strange(e.Fun) {
		case "fmt.Sprintf", "fmt.Errorf", "errors.New":
			return true
		}
	}
	return false
}

func first(e ast.Expr) (lit ast.Node) {
	ast.Inspect(e, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && lit == nil && l.Kind == token.STRING {
			lit = l
		}
		return lit == nil
	})
	return lit
}

// callOf names what a text is handed to: itself, if it makes an error.
func (f *flow) callOf(e ast.Expr) string {
	if c, ok := e.(*ast.CallExpr); ok {
		if name := f.strange(c.Fun); name != "fmt.Sprintf" {
			return name
		}
	}
	switch p := f.parents[e].(type) {
	case *ast.CallExpr:
		return f.callee(p)
	case *ast.KeyValueExpr:
		if id, ok := p.Key.(*ast.Ident); ok {
			return id.Name + ":"
		}
	}
	return ""
}

func (f *flow) callee(c *ast.CallExpr) string {
	if name := f.strange(c.Fun); name != "" {
		return name
	}
	switch fun := c.Fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		return "." + fun.Sel.Name
	}
	return ""
}

// silent are calls whose texts nobody reads on a screen: the log, patterns,
// what is compared.
func silent(call string) bool {
	switch call {
	case ".Msg", ".Msgf", ".Str", "panic", "regexp.MustCompile", "Short:", "Long:", "Use:", "Example:":
		return true
	}
	return strings.HasPrefix(call, "strings.")
}

// exit is the code with which a verb ends when this is its error, as far as the
// place says so.
func (f *flow) exit(e ast.Expr, s Sentence) string {
	switch {
	case s.Dir != "cmd/ripstation":
		return ""
	case s.Call == "usage", s.Call == ".add":
		return "2"
	case s.Call != "fmt.Errorf" && s.Call != "errors.New" && s.Call != "Message:" && s.Call != "Hint:":
		return "-"
	}
	for n := f.parents[e]; n != nil; n = f.parents[n] {
		switch n := n.(type) {
		case *ast.CallExpr:
			if f.callee(n) == "usage" {
				return "2"
			}
		case *ast.CompositeLit:
			for _, x := range n.Elts {
				if kv, ok := x.(*ast.KeyValueExpr); ok {
					x = kv.Value
				}
				if code := codes[f.named(x)]; code != "" {
					return code
				}
			}
		case *ast.KeyValueExpr:
			if id, ok := n.Key.(*ast.Ident); ok && id.Name == "Args" {
				return "2"
			}
		case *ast.FuncDecl:
			if strings.HasPrefix(s.File, "config") || s.File == "stores.go" || f.forCobra(n) {
				return "2"
			}
			if n.Type.Results != nil {
				for _, r := range n.Type.Results.List {
					if f.strange(r.Type) == "cobra.PositionalArgs" {
						return "2"
					}
				}
			}
			return "1"
		}
	}
	return "1"
}

// codes are what stands for an exit code in the code.
var codes = map[string]string{"exitFailed": "1", "exitUsage": "2", "exitMissing": "3", "exitFindings": "4", "exitBlind": "5",
	"web.CodeUsage": "2", "web.CodeNotFound": "1", "web.CodeAmbiguous": "1", "web.CodeConflict": "1", "web.CodeForbidden": "1", "web.CodeFailed": "1"}

// forCobra holds for a function that looks at a command line: what it does not
// like is a mistake there.
func (f *flow) forCobra(fn *ast.FuncDecl) bool {
	p := fn.Type.Params.List
	if len(p) == 0 {
		return false
	}
	star, ok := p[0].Type.(*ast.StarExpr)
	return ok && f.strange(star.X) == "cobra.Command"
}

func (f *flow) named(e ast.Expr) string {
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return f.strange(e)
}

// key holds for a text that is no message: the name of a format or of an
// operation, a command alone, or too short for one.
func (f *flow) key(e ast.Expr, s Sentence) bool {
	if s.Call != "" {
		return s.Call == "append" && strings.HasPrefix(s.Text, "ripstation ") || s.Call == "invalid" && len(strings.Fields(s.Text)) < 3 || strings.HasSuffix(s.Text, " of")
	}
	switch p := f.parents[e].(type) {
	case *ast.AssignStmt:
		for _, l := range p.Lhs {
			if id, ok := l.(*ast.Ident); ok && id.Name == "op" {
				return true
			}
		}
	case *ast.ValueSpec:
		if p.Names[0].Name == "op" {
			return true
		}
	}
	return strings.HasPrefix(s.Text, "ripstation ") || len(strings.Fields(s.Text)) < 3
}

var word = regexp.MustCompile(`[a-z]{2,}`)

// prose tells a sentence from a key, a path or a statement of SQL.
func prose(text string) bool {
	for _, sql := range []string{"SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "PRAGMA ", " FROM ", "WHERE ", "ORDER BY "} {
		if strings.Contains(text, sql) {
			return false
		}
	}
	return strings.Contains(text, " ") && len(word.FindAllString(text, 3)) >= 2
}

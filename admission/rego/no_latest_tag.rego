# METADATA
# title: no-latest-tag
# description: No image is named by a tag that moves by itself, latest or none at all.
package outrider.no_latest_tag

violations contains violation if {
	some image in input.images
	image.digest == ""
	image.tag in {"", "latest"}
	violation := {
		"path": image.path,
		"found": concat("", ["tag ", found_tag(image)]),
		"expected": "a version tag or a digest",
		"fix": "name the version that was tested, or its digest",
	}
}

found_tag(image) := "latest by omission" if image.tag == ""

found_tag(image) := image.tag if image.tag != ""

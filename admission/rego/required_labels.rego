# METADATA
# title: required-labels
# description: Every pod carries the labels named in parameters.labels, none of them empty.
package outrider.required_labels

violations contains violation if {
	some pod in input.pods
	some label in input.parameters.labels
	object.get(pod.metadata, ["labels", label], "") == ""
	violation := {
		"path": concat("", [pod.metadataPath, ".labels.", label]),
		"found": concat("", ["no label ", label]),
		"expected": concat("", ["a label ", label, " that is not empty"]),
		"fix": concat("", ["add the label ", label, " to ", pod.metadataPath, ".labels"]),
	}
}

violations contains violation if {
	not parameters_valid
	violation := {
		"path": "spec.pods.rego",
		"found": "parameters.labels that is not a list of names",
		"expected": "parameters: { labels: [owner] }",
		"fix": "correct the policy; until then every pod it covers is refused",
	}
}

parameters_valid if {
	count(input.parameters.labels) > 0
	every label in input.parameters.labels { is_string(label) }
}

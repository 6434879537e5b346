# METADATA
# title: approved-registries
# description: Every image comes from a registry, or a path of one, named in parameters.registries.
package outrider.approved_registries

violations contains violation if {
	some image in input.images
	not approved(image.name)
	violation := {
		"path": image.path,
		"found": image.name,
		"expected": concat("", ["an image under ", concat(", ", input.parameters.registries)]),
		"fix": "copy the image to an approved registry, or add its registry to the policy's parameters",
	}
}

violations contains violation if {
	not parameters_valid
	violation := {
		"path": "spec.pods.rego",
		"found": "parameters.registries that is not a list of registries",
		"expected": "parameters: { registries: [ghcr.io/acme] }",
		"fix": "correct the policy; until then every pod it covers is refused",
	}
}

parameters_valid if {
	count(input.parameters.registries) > 0
	every registry in input.parameters.registries { is_string(registry) }
}

# Whole path segments only: ghcr.io/acme does not cover ghcr.io/acme-evil.
approved(name) if name in input.parameters.registries

approved(name) if {
	some registry in input.parameters.registries
	startswith(name, concat("", [trim_suffix(registry, "/"), "/"]))
}

# Rules that misbehave; hostile.wasm and missing.wasm beside it are compiled from these with opa 1.22.2:
#   opa build -t wasm -e hostile/endless/violations -e hostile/hungry/violations -e hostile/undefined/violations \
#     -e hostile/failing/violations -e hostile/shapeless/violations hostile.rego
package hostile

# Ten thousand million steps.
endless := {"violations": {x |
	some x in numbers.range(1, 100000)
	some y in numbers.range(1, 100000)
	x + y < 0
}}

# A set that no memory holds.
hungry := {"violations": {[x, y] |
	some x in numbers.range(1, 100000)
	some y in numbers.range(1, 100000)
}}

# A built-in that fails inside the module leaves nothing behind.
undefined := {"violations": {x | x := [1, 2]}} if to_number(input.word) > 0

# A built-in that fails outside the module throws.
failing := {"violations": {sprintf("%d", [input.word])}}

shapeless := {"violations": {"just text"}}

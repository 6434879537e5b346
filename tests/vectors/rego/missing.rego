# Compiled to missing.wasm: calls a built-in that no runtime outside opa has.
#   opa build -t wasm -e missing/violations missing.rego
package missing

violations contains {"path": "a", "found": "b", "expected": "c", "fix": "d"} if time.now_ns() > 0

// Package deps keeps the house in order: its tests read the imports of every
// package and compare them with the direction written down in deps_test.go.
// There is nothing here to call.
//
//	go test -count=1 ./internal/deps
package deps

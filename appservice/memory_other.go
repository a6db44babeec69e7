//go:build !linux

package appservice

func forgetProgram() {}

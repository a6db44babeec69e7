package devicemodel

import "errors"

// Reader reads the models and devices of a file or folder. What is good is
// returned beside the error that names the rest.
type Reader func(path string) ([]Model, []Device, error)

var reader Reader

// RegisterReader is called by the package that knows the format of files, so
// that sources need not.
func RegisterReader(r Reader) {
	if reader != nil {
		panic("devicemodel: a reader is registered twice")
	}
	reader = r
}

// Read reads a file or folder with the registered Reader.
func Read(path string) ([]Model, []Device, error) {
	if reader == nil {
		return nil, nil, errors.New("this build reads no device models")
	}
	return reader(path)
}

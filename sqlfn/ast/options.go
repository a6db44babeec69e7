package ast

// OptionNames are the WITH options in the order in which messages list them.
func OptionNames() []string {
	return []string{"DATASOURCE", "FORMAT", "KEY", "CONF_KEY", "SHARED", "STRICT_VALIDATION", "TYPE", "TIMESTAMP",
		"TIMESTAMP_FORMAT", "RETAIN_SIZE", "SCHEMAID", "EXTRA", "VERSION", "TEMP", "KIND", "DELIMITER"}
}

// Value returns where the option of that name (upper case) is kept, nil if
// there is no such option.
func (o *Options) Value(name string) *string {
	switch name {
	case "DATASOURCE":
		return &o.Datasource
	case "FORMAT":
		return &o.Format
	case "KEY":
		return &o.Key
	case "CONF_KEY":
		return &o.ConfKey
	case "SHARED":
		return &o.Shared
	case "STRICT_VALIDATION":
		return &o.StrictValidation
	case "TYPE":
		return &o.Type
	case "TIMESTAMP":
		return &o.Timestamp
	case "TIMESTAMP_FORMAT":
		return &o.TimestampFormat
	case "RETAIN_SIZE":
		return &o.RetainSize
	case "SCHEMAID":
		return &o.SchemaID
	case "EXTRA":
		return &o.Extra
	case "VERSION":
		return &o.Version
	case "TEMP":
		return &o.Temp
	case "KIND":
		return &o.Kind
	case "DELIMITER":
		return &o.Delimiter
	}
	return nil
}

package param

// Include declares the properties of q that p does not declare itself, bound
// to q's variables: what all sinks have is included into each sink's own set.
func (p *Set) Include(q *Set) {
	for _, s := range q.specs {
		if p.find(s.Name) == nil {
			p.specs = append(p.specs, s)
		}
	}
	p.checks = append(p.checks, q.checks...)
}

// Has tells whether p declares a property of that name.
func (p *Set) Has(name string) bool { return p.find(name) != nil }

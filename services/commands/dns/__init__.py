"""What the DNS has to say about an agency's domains: the records, the judgement of those that exist, the cut-over."""

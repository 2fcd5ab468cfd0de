"""The detectors of docs/domain.md §4: each a small object with one method, `judge(moment)`, that answers with findings."""

// A stranger's check of a counterfoil record, by the Go team's own packages for transparency logs; nothing of counterfoil is used.
//
//	verify note       VKEY CHECKPOINT                is this head signed by this key?
//	verify proof      VKEY PROOF ENTRY               does this entry stand under the head in this tlog-proof?
//	verify consistent VKEY OLD NEW FOLDER            is the record of the head OLD a beginning of that of the head NEW?
//	verify tiles      VKEY FOLDER                    is every entry and every hash of this tlog-tiles folder what its head signed?
//
// All arguments are files. It prints what it accepts and exits 0, or prints "refused: WHAT: why" and exits 1.
//
// Formats: c2sp.org/signed-note, tlog-checkpoint, tlog-proof, tlog-tiles; RFC 6962 §2.1.
// With Debian's golang-go and golang-golang-x-mod-dev:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run verify.go tiles journal.vkey record
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const width = 256

type refusal struct{ what, why string }

func refuse(what, format string, values ...any) {
	panic(refusal{what, fmt.Sprintf(format, values...)})
}

func read(what, path string) []byte {
	content, err := os.ReadFile(path)
	if err != nil {
		refuse(what, "%v", err)
	}
	return content
}

func number(what, text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		refuse(what, "%q is no decimal number", text)
	}
	return n
}

func hash(what, text string) (h tlog.Hash) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != tlog.HashSize {
		refuse(what, "%q is not the base64 of 32 bytes", text)
	}
	copy(h[:], raw)
	return h
}

func verifier(path string) note.Verifier {
	v, err := note.NewVerifier(strings.TrimSuffix(string(read("vkey", path)), "\n"))
	if err != nil {
		refuse("vkey", "%v", err)
	}
	return v
}

// checkpoint is the tree that a signed head is about.
func checkpoint(v note.Verifier, signed []byte) tlog.Tree {
	opened, err := note.Open(signed, note.VerifierList(v))
	switch err.(type) {
	case nil:
	case *note.UnverifiedNoteError, *note.InvalidSignatureError:
		refuse("signature", "%v", err)
	default:
		refuse("note", "%v", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		refuse("note", "a checkpoint of counterfoil has three lines")
	}
	if lines[0] != v.Name() {
		refuse("note", "the head is of %q, the key of %q", lines[0], v.Name())
	}
	return tlog.Tree{N: number("note", lines[1]), Hash: hash("note", lines[2])}
}

func checkNote(v note.Verifier, path string) string {
	tree := checkpoint(v, read("note", path))
	return fmt.Sprintf("%s signed a record of %d entries with the root %s", v.Name(), tree.N, tree.Hash)
}

func checkProof(v note.Verifier, path, entryPath string) string {
	head, signed, found := strings.Cut(string(read("proof", path)), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || lines[0] != "c2sp.org/tlog-proof@v1" {
		refuse("proof", "no tlog-proof of version 1")
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		refuse("proof", "no index")
	}
	index := number("proof", strings.TrimPrefix(lines[0], "index "))
	var proof tlog.RecordProof
	for _, line := range lines[1:] {
		proof = append(proof, hash("proof", line))
	}
	tree := checkpoint(v, []byte(signed))
	if index >= tree.N {
		refuse("proof", "entry %d of %d", index, tree.N)
	}
	entry := bytes.TrimSuffix(read("entry", entryPath), []byte("\n"))
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
		refuse("inclusion", "%v", err)
	}
	return fmt.Sprintf("entry %d stands in the record of %d entries that %s signed", index, tree.N, v.Name())
}

// folder is a tlog-tiles folder.
type folder struct{ path string }

func tileName(level string, n int64, w int) string {
	path := tlog.Tile{H: 8, L: 0, N: n, W: w}.Path() // tile/8/0/x001/234[.p/W]
	return filepath.Join("tile", level, strings.TrimPrefix(path, "tile/8/0/"))
}

// held is how many items file n of a level of count items holds.
func held(n, count int64) int {
	if count-n*width < width {
		return int(count - n*width)
	}
	return width
}

func (f folder) tile(t tlog.Tile) []byte {
	name := tileName(strconv.Itoa(t.L), t.N, t.W)
	data := read("tile", filepath.Join(f.path, name))
	if len(data) != t.W*tlog.HashSize {
		refuse("tile", "%s has %d bytes", name, len(data))
	}
	return data
}

func (f folder) Height() int { return 8 }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		all = append(all, f.tile(t))
	}
	return all, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

// bundle is the entries of file n, of a record of so many entries.
func (f folder) bundle(n, size int64) [][]byte {
	w := held(n, size)
	name := tileName("entries", n, w)
	rest := read("bundle", filepath.Join(f.path, name))
	var entries [][]byte
	for len(rest) >= 2 {
		end := 2 + int(binary.BigEndian.Uint16(rest))
		if end > len(rest) {
			break
		}
		entries = append(entries, rest[2:end])
		rest = rest[end:]
	}
	if len(rest) != 0 || len(entries) != w {
		refuse("bundle", "%s does not hold exactly %d entries", name, w)
	}
	return entries
}

// checkTiles builds the tree anew from the entries and holds it against the head, then every tile against the tree. It does not ask
// tlog.TileHashReader for the leaves: in golang.org/x/mod 0.7.0 that one lets some tiles pass without holding them against their parents.
func checkTiles(v note.Verifier, path string) string {
	tree := checkpoint(v, read("note", filepath.Join(path, "checkpoint")))
	f := folder{path}
	var stored []tlog.Hash
	hashes := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	for seq := int64(0); seq < tree.N; {
		for _, entry := range f.bundle(seq/width, tree.N) {
			more, err := tlog.StoredHashes(seq, entry, hashes)
			if err != nil {
				refuse("entry", "%v", err)
			}
			stored = append(stored, more...)
			seq++
		}
	}
	if root, err := tlog.TreeHash(tree.N, hashes); err != nil || root != tree.Hash {
		refuse("entry", "the entries do not make up the signed root, but %v", root)
	}
	for level, count := 0, tree.N; count > 0; level, count = level+1, count/width {
		for n := int64(0); n*width < count; n++ {
			t := tlog.Tile{H: 8, L: level, N: n, W: held(n, count)}
			data, err := tlog.ReadTileData(t, hashes)
			if err != nil || !bytes.Equal(data, f.tile(t)) {
				refuse("tile", "%s is not what the entries make", tileName(strconv.Itoa(level), n, t.W))
			}
		}
	}
	return fmt.Sprintf("all %d entries and their hashes are what %s signed", tree.N, v.Name())
}

func checkConsistent(v note.Verifier, oldPath, newPath, path string) string {
	old, present := checkpoint(v, read("note", oldPath)), checkpoint(v, read("note", newPath))
	if old.N < 1 || old.N > present.N {
		refuse("consistency", "%d entries are no beginning of %d", old.N, present.N)
	}
	hashes := tlog.TileHashReader(present, folder{path})
	proof, err := tlog.ProveTree(present.N, old.N, hashes)
	if err != nil {
		refuse("tile", "%v", err)
	}
	if err := tlog.CheckTree(proof, present.N, present.Hash, old.N, old.Hash); err != nil {
		refuse("consistency", "%v", err)
	}
	return fmt.Sprintf("the record of %d entries is a beginning of that of %d", old.N, present.N)
}

func main() {
	defer func() {
		switch found := recover().(type) {
		case nil:
		case refusal:
			fmt.Printf("refused: %s: %s\n", found.what, found.why)
			os.Exit(1)
		default:
			panic(found)
		}
	}()
	job := ""
	if len(os.Args) > 1 {
		job = fmt.Sprintf("%s/%d", os.Args[1], len(os.Args)-2)
	}
	a := append(os.Args, "", "", "", "", "")
	switch job {
	case "note/2":
		fmt.Println(checkNote(verifier(a[2]), a[3]))
	case "proof/3":
		fmt.Println(checkProof(verifier(a[2]), a[3], a[4]))
	case "consistent/4":
		fmt.Println(checkConsistent(verifier(a[2]), a[3], a[4], a[5]))
	case "tiles/2":
		fmt.Println(checkTiles(verifier(a[2]), a[3]))
	default:
		fmt.Fprintln(os.Stderr, "usage: verify note VKEY CHECKPOINT | proof VKEY PROOF ENTRY | consistent VKEY OLD NEW FOLDER | tiles VKEY FOLDER")
		os.Exit(2)
	}
}

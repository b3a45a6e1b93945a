// outsider checks what the broker's transparency log writes with implementations that are not ours:
// golang.org/x/mod/sumdb for trees and notes, transparency-dev's formats and merkle for proofs.
//
//	outsider tree SIZE                       roots and all proofs of the trees up to SIZE, a JSON line for each
//	outsider proofs SIZE INDEX...            root of one tree, proofs of these leaves and of trees of these sizes
//	outsider note VKEY < note                the text of a signed note
//	outsider proof VKEY ORIGIN LEAF < proof  the index that a tlog-proof proves for the leaf's content
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"

	formats "github.com/transparency-dev/formats/log"
	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: outsider tree|proofs|note|proof ...")
	}
	arguments := os.Args[2:]
	switch os.Args[1] {
	case "tree":
		trees(arguments[0])
	case "proofs":
		proofs(arguments[0], arguments[1:])
	case "note":
		fmt.Print(opened(arguments[0]))
	case "proof":
		fmt.Println(proved(arguments[0], arguments[1], arguments[2]))
	default:
		log.Fatalf("no such check: %s", os.Args[1])
	}
}

type tree struct {
	Size        int64              `json:"size"`
	Root        tlog.Hash          `json:"root"`
	Inclusion   []tlog.RecordProof `json:"inclusion"`   // of each leaf asked for
	Consistency []tlog.TreeProof   `json:"consistency"` // with each smaller tree asked for
}

func trees(largest string) {
	hashes := stored{}
	var leaves, olds []int64
	for size := int64(1); size <= number(largest); size++ {
		hashes.add(size - 1)
		leaves = append(leaves, size-1)
		check(json.NewEncoder(os.Stdout).Encode(described(size, leaves, olds, &hashes)))
		olds = append(olds, size)
	}
}

func proofs(size string, indexes []string) {
	hashes := stored{}
	for leaf := int64(0); leaf < number(size); leaf++ {
		hashes.add(leaf)
	}
	var asked []int64
	for _, index := range indexes {
		asked = append(asked, number(index))
	}
	check(json.NewEncoder(os.Stdout).Encode(described(number(size), asked, asked, &hashes)))
}

func described(size int64, leaves, olds []int64, hashes *stored) tree {
	root, err := tlog.TreeHash(size, hashes)
	check(err)
	found := tree{Size: size, Root: root, Inclusion: []tlog.RecordProof{}, Consistency: []tlog.TreeProof{}}
	for _, leaf := range leaves {
		path, err := tlog.ProveRecord(size, leaf, hashes)
		check(err)
		found.Inclusion = append(found.Inclusion, path)
	}
	for _, old := range olds {
		path, err := tlog.ProveTree(size, old, hashes)
		check(err)
		found.Consistency = append(found.Consistency, path)
	}
	return found
}

type stored []tlog.Hash

// add appends the leaf that is its own number.
func (s *stored) add(leaf int64) {
	added, err := tlog.StoredHashes(leaf, []byte(strconv.FormatInt(leaf, 10)), s)
	check(err)
	*s = append(*s, added...)
}

func (s *stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = (*s)[index]
	}
	return found, nil
}

func opened(vkey string) string {
	verifier, err := note.NewVerifier(vkey)
	check(err)
	found, err := note.Open(input(), note.VerifierList(verifier))
	check(err)
	return found.Text
}

func proved(vkey, origin, leaf string) uint64 {
	verifier, err := note.NewVerifier(vkey)
	check(err)
	var text tlogproof.TLogProof
	check(text.Unmarshal(input()))
	head, _, _, err := formats.ParseCheckpoint(text.Checkpoint, origin, verifier)
	check(err)
	path := make([][]byte, len(text.Hashes))
	for i, hash := range text.Hashes {
		path[i] = hash[:]
	}
	hash := rfc6962.DefaultHasher.HashLeaf([]byte(leaf))
	check(proof.VerifyInclusion(rfc6962.DefaultHasher, text.Index, head.Size, hash, path, head.Hash))
	return text.Index
}

func number(text string) int64 {
	found, err := strconv.ParseInt(text, 10, 64)
	check(err)
	return found
}

func input() []byte {
	text, err := io.ReadAll(os.Stdin)
	check(err)
	return text
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

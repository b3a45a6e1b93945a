// outsider checks what the broker's transparency log writes with implementations that are not ours:
// golang.org/x/mod/sumdb for trees and notes, transparency-dev's formats and merkle for proofs.
//
//	outsider tree SIZE                       roots and all proofs of the trees up to SIZE, a JSON line for each
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
		log.Fatal("usage: outsider tree|note|proof ...")
	}
	arguments := os.Args[2:]
	switch os.Args[1] {
	case "tree":
		trees(arguments[0])
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
	Inclusion   []tlog.RecordProof `json:"inclusion"`   // of each leaf
	Consistency []tlog.TreeProof   `json:"consistency"` // with each smaller tree, from size 1 on
}

func trees(largest string) {
	last, err := strconv.ParseInt(largest, 10, 64)
	check(err)
	hashes := stored{}
	out := json.NewEncoder(os.Stdout)
	for size := int64(1); size <= last; size++ {
		added, err := tlog.StoredHashes(size-1, []byte(strconv.FormatInt(size-1, 10)), &hashes)
		check(err)
		hashes = append(hashes, added...)
		check(out.Encode(described(size, &hashes)))
	}
}

func described(size int64, hashes *stored) tree {
	root, err := tlog.TreeHash(size, hashes)
	check(err)
	found := tree{Size: size, Root: root}
	for index := int64(0); index < size; index++ {
		path, err := tlog.ProveRecord(size, index, hashes)
		check(err)
		found.Inclusion = append(found.Inclusion, path)
	}
	for older := int64(1); older < size; older++ {
		path, err := tlog.ProveTree(size, older, hashes)
		check(err)
		found.Consistency = append(found.Consistency, path)
	}
	return found
}

type stored []tlog.Hash

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

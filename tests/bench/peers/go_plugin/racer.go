package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"sort"
	"sync"
	"time"
)

// The same as ../../racer.ts and ../../slice.ts.

type order struct {
	Payload  int     `json:"payload"`
	InFlight int     `json:"inFlight"`
	Ms       float64 `json:"ms"`
}

type slice struct {
	P50Us  float64 `json:"p50Us"`
	P99Us  float64 `json:"p99Us"`
	CallUs float64 `json:"callUs"`
	Calls  int     `json:"calls"`
}

const lead = 0.2

func answerOrders(echo Echo) error {
	if _, err := runSlice(echo, order{Payload: 16, InFlight: 32, Ms: 500}); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode([]string{"peer"}); err != nil {
		return err
	}
	in := json.NewDecoder(os.Stdin)
	for in.More() {
		var next order
		if err := in.Decode(&next); err != nil {
			return err
		}
		measured, err := runSlice(echo, next)
		if err != nil {
			return err
		}
		if err := out.Encode(measured); err != nil {
			return err
		}
	}
	return nil
}

func runSlice(echo Echo, wanted order) (slice, error) {
	payload := make([]byte, wanted.Payload)
	for i := range payload {
		payload[i] = byte(i * 31)
	}
	answer, err := echo.Call(payload)
	if err != nil || !bytes.Equal(answer, payload) {
		return slice{}, errors.Join(errors.New("the echo is wrong"), err)
	}
	if _, err := repeat(echo, payload, 1, wanted.Ms*lead); err != nil {
		return slice{}, err
	}
	started := time.Now()
	times, err := repeat(echo, payload, wanted.InFlight, wanted.Ms)
	if err != nil {
		return slice{}, err
	}
	elapsed := micros(time.Since(started))
	sort.Float64s(times)
	return slice{quantile(times, 0.5), quantile(times, 0.99), elapsed / float64(len(times)), len(times)}, nil
}

func repeat(echo Echo, payload []byte, inFlight int, ms float64) ([]float64, error) {
	var mutex sync.Mutex
	var group sync.WaitGroup
	var all []float64
	var failure error
	until := time.Now().Add(time.Duration(ms * float64(time.Millisecond)))
	for range inFlight {
		group.Go(func() {
			var times []float64
			var err error
			for before := time.Now(); err == nil && before.Before(until); {
				_, err = echo.Call(payload)
				after := time.Now()
				times = append(times, micros(after.Sub(before)))
				before = after
			}
			mutex.Lock()
			defer mutex.Unlock()
			all = append(all, times...)
			failure = errors.Join(failure, err)
		})
	}
	group.Wait()
	return all, failure
}

func quantile(sorted []float64, part float64) float64 {
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*part))]
}

func micros(duration time.Duration) float64 {
	return float64(duration.Nanoseconds()) / 1000
}

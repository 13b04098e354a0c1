package timer

// field is the index of a time register in the order of rtcState.Frozen, or -1.
func field(i uint8) int {
	switch i {
	case 0, 2, 4:
		return int(i / 2)
	case 6, 7, 8, 9:
		return int(i) - 3
	case rtcCentury:
		return 7
	}
	return -1
}

func floorMod(a, b int64) int64 { return (a%b + b) % b }

// dayOfWeek is 1 on Sundays.
func dayOfWeek(sec int64) int64 {
	days := (sec - floorMod(sec, 86400)) / 86400
	return floorMod(days+4, 7) + 1
}

// encode shows a time in the format register B chooses.
func (r *MC146818) encode(sec int64) (f [8]byte) {
	day := floorMod(sec, 86400)
	y, m, d := civil((sec - day) / 86400)
	hour, pm := day/3600, byte(0)
	if r.state.B&b24h == 0 {
		if hour >= 12 {
			pm = 0x80
		}
		hour = (hour+11)%12 + 1
	}
	week := floorMod(dayOfWeek(sec)-1+int64(r.state.DaySkew), 7) + 1
	for i, v := range [8]int64{day % 60, day / 60 % 60, hour, week, d, m, floorMod(y, 100), floorMod(y, 10000) / 100} {
		f[i] = byte(v)
		if r.state.B&bBinary == 0 {
			f[i] = byte(v/10<<4 | v%10)
		}
	}
	f[2] |= pm
	return f
}

// decode reads time registers. Values out of range carry over, as in mktime.
func (r *MC146818) decode(f [8]byte) (sec int64, weekday uint8) {
	var v [8]int64
	pm := r.state.B&b24h == 0 && f[2]&0x80 != 0
	if r.state.B&b24h == 0 {
		f[2] &= 0x7f
	}
	for i, b := range f {
		v[i] = int64(b)
		if r.state.B&bBinary == 0 {
			v[i] = int64(b>>4)*10 + int64(b&15)
		}
	}
	if r.state.B&b24h == 0 {
		v[2] %= 12
		if pm {
			v[2] += 12
		}
	}
	return daysFrom(v[7]*100+v[6], v[5], v[4])*86400 + v[2]*3600 + v[1]*60 + v[0], uint8(floorMod(v[3]-1, 7) + 1)
}

// Both conversions count years from March, so that leap days end them; 719468
// days lie between 0000-03-01 and 1970-01-01.

// civil is the Gregorian date, so many days after 1970-01-01.
func civil(days int64) (y, m, d int64) {
	days += 719468
	era := (days - floorMod(days, 146097)) / 146097
	n := floorMod(days, 146097)
	yoe := (n - n/1460 + n/36524 - n/146096) / 365
	doy := n - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	y, m, d = yoe+era*400, mp+3, doy-(153*mp+2)/5+1
	if m > 12 {
		y, m = y+1, m-12
	}
	return y, m, d
}

// daysFrom is the inverse of civil.
func daysFrom(y, m, d int64) int64 {
	m -= 3 // March is 0
	y += (m - floorMod(m, 12)) / 12
	m = floorMod(m, 12)
	era := (y - floorMod(y, 400)) / 400
	yoe := floorMod(y, 400)
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + (153*m+2)/5 + d - 1 - 719468
}

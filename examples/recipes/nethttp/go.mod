module reports

go 1.19

require treadle v0.0.0

replace treadle => ../../../sdk/go

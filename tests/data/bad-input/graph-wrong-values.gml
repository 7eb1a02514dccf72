graph [
  node [
    id 0
    label "Oslo"
    Latitude -90.01
    Longitude 10.75
  ]
  node [
    id 1
    label "Stockholm"
    Latitude "sixty"
    Longitude 18.07
  ]
  edge [
    source 0
    target 1
    length_km -1
    delay "fast"
    rate_gbps 0
  ]
]

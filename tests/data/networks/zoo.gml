graph [
  directed 0
  Network "Made-up Net"
  label "Net"
  hierarchic 1
  Note "Written by hand in the shape of Topology Zoo's files"
  node [
    id 0
    label "Oslo"
    Country "Norway"
    Longitude 10.75
    Internal 1
    Latitude 59.91
  ]
  node [
    id 1
    label "Stockholm"
    Longitude 18.07
    Internal 1
    Latitude 59.33
  ]
  node [
    id 2
    label "Stockholm"
    Longitude 18.0
    Internal 1
    Latitude 59.4
  ]
  node [
    id 3
    label "Luleå &#38; more"
    Longitude 22.16
    Internal 1
    Latitude 65.58
  ]
  edge [
    source 0
    target 1
    LinkSpeed "10"
    LinkLabel "10 Gbps"
    LinkSpeedUnits "G"
    LinkSpeedRaw 10000000000.0
  ]
  edge [
    source 1
    target 0
    LinkLabel "OC-48"
  ]
  edge [
    source 1
    target 2
    LinkLabel "< 2.5 Gbps"
  ]
  edge [
    source 2
    target 3
  ]
]

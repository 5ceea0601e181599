// Processing element: temporal subscription. A spike lets the column's value of this cycle onto one
// of the row's two chains of OR gates, that of the window that runs in the first column or that of
// the one before; it moves to the next column in the following cycle.
module pe (
    input         clk,
    input         reset,
    input         spike,
    input         current,  // the column is in the window that runs; shared by all rows
    input         previous, // the column is still in the one before
    input [15:0]  column,
    input [15:0]  chain_current_in,
    input [15:0]  chain_previous_in,
    output [15:0] chain_current_out,
    output [15:0] chain_previous_out,
    output reg    spike_next
);
    assign chain_current_out = chain_current_in | (column & {16{spike & current}});
    assign chain_previous_out = chain_previous_in | (column & {16{spike & previous}});

    always @(posedge clk) spike_next <= spike & ~reset;
endmodule
